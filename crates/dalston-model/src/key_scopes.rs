//! Scopes of a key, stored by name.

use crate::{OwnScope, Scope, ScopeSet};
use std::{fmt, str::FromStr};
use thiserror::Error;

/// Why a list of scopes was refused. Never contains the offending text.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum ScopeError {
    /// The list has a scope that the deployment does not know. Holds the known names.
    #[error("must name known scopes only: {0}")]
    Unknown(String),
    /// The list has a name that a stored key cannot have.
    #[error("must name scopes by visible ASCII characters")]
    Unreadable,
    /// The list has a scope twice.
    #[error("must not name a scope twice")]
    Duplicate,
    /// The list is empty.
    #[error("must name at least one scope")]
    Empty,
}

/// The scopes of a key by name: at least one, without duplicates. What a name that is not built in allows depends on
/// the [`KnownScopes`](crate::KnownScopes) of the deployment. A key keeps names that the deployment no longer knows.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyScopes {
    built_in: ScopeSet,
    /// Sorted, so that equal sets compare equal.
    own: Vec<Box<str>>,
}

impl KeyScopes {
    /// The scopes of a key that is created without any: `jobs:read`, `jobs:write`, `realtime`.
    pub const DEFAULT: Self =
        Self::of(ScopeSet::NONE.with(Scope::JobsRead).with(Scope::JobsWrite).with(Scope::Realtime));
    /// `admin` alone.
    pub const ADMIN: Self = Self::of(ScopeSet::ADMIN);
    /// `platform` alone.
    pub const PLATFORM: Self = Self::of(ScopeSet::PLATFORM);

    const fn of(built_in: ScopeSet) -> Self {
        Self { built_in, own: Vec::new() }
    }

    /// The scopes with these names, known or not. Fails if there are none or one occurs twice.
    pub fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, ScopeError> {
        let mut scopes = Self::of(ScopeSet::NONE);
        for name in names {
            if !scopes.add(name) {
                return Err(ScopeError::Duplicate);
            }
        }
        if scopes == Self::of(ScopeSet::NONE) { Err(ScopeError::Empty) } else { Ok(scopes) }
    }

    /// Adds the scope of this name. Returns `false` if it is there already.
    fn add(&mut self, name: &str) -> bool {
        match (Scope::built_in(name), self.own.binary_search_by(|own| (**own).cmp(name))) {
            (Some(scope), _) => {
                let is_new = !self.built_in.contains(scope);
                self.built_in = self.built_in.with(scope);
                is_new
            }
            (None, Ok(_)) => false,
            (None, Err(place)) => {
                self.own.insert(place, name.into());
                true
            }
        }
    }

    /// Whether a stored key can have a scope of this name: a scope token of OAuth (RFC 6749 §3.3) without a comma. A
    /// deployment can name only scopes of a narrower grammar.
    pub fn is_storable(name: &str) -> bool {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\,".contains(&byte))
    }

    /// The built-in scopes.
    pub const fn built_in(&self) -> ScopeSet {
        self.built_in
    }

    /// The names of the scopes that are not built in, sorted.
    pub fn own(&self) -> impl Iterator<Item = &str> {
        self.own.iter().map(AsRef::as_ref)
    }

    /// All names: the built-in scopes in their order, then the others sorted by name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.built_in.iter().map(|scope| -> &str { scope.as_str() }).chain(self.own())
    }

    /// Whether these scopes allow a key to manage keys. Scopes that are not built in never do.
    pub const fn manages(&self) -> bool {
        self.built_in.grants(Scope::Admin)
    }
}

impl ScopeSet {
    /// The first scope of `key` that a holder of this set may not grant, if there is one: nobody can grant, or take
    /// over, scopes that they do not have. An unknown name requires `admin`: a deployment may name it later, and then
    /// `admin` includes it.
    pub fn first_beyond(self, key: &KeyScopes) -> Option<Scope> {
        let own = key.own().map(|name| OwnScope::find(name).map_or(Scope::Admin, Scope::Own));
        key.built_in().iter().chain(own).find(|scope| !self.grants(*scope))
    }
}

/// Formats the names separated by commas, as the SQL stores keep them.
impl fmt::Display for KeyScopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().collect::<Vec<_>>().join(","))
    }
}

impl fmt::Debug for KeyScopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Parses the format of `Display`.
impl FromStr for KeyScopes {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let names = || text.split(',').filter(|name| !name.is_empty());
        if names().all(Self::is_storable) { Self::named(names()) } else { Err(ScopeError::Unreadable) }
    }
}

impl serde::Serialize for KeyScopes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.names())
    }
}

/// Does not check whether the names are known: that depends on the deployment.
impl<'de> serde::Deserialize<'de> for KeyScopes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        Self::named(names.iter().map(String::as_str)).map_err(serde::de::Error::custom)
    }
}
