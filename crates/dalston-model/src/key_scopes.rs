//! The scopes of a key, by name.

use crate::{OwnScope, Scope, ScopeSet};
use std::{fmt, str::FromStr};
use thiserror::Error;

/// Why a list of scopes was refused. Names none of the offending text.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum ScopeError {
    /// A name that nobody knows; those that are known.
    #[error("must name known scopes only: {0}")]
    Unknown(String),
    /// Not a name that a stored key can have.
    #[error("must name scopes by visible ASCII characters")]
    Unreadable,
    /// The same scope twice.
    #[error("must not name a scope twice")]
    Duplicate,
    /// No scope at all.
    #[error("must name at least one scope")]
    Empty,
}

/// The scopes that a key was given, by name: at least one, none twice. A name that is not built in says nothing by itself;
/// what it allows is said by the [`KnownScopes`](crate::KnownScopes) of a deployment. So a name that nobody knows any
/// more stays.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyScopes {
    built_in: ScopeSet,
    /// In their order, so that equal scopes are equal.
    own: Vec<Box<str>>,
}

impl KeyScopes {
    /// What a key gets that is created without scopes: `jobs:read`, `jobs:write`, `realtime`.
    pub const DEFAULT: Self =
        Self::of(ScopeSet::NONE.with(Scope::JobsRead).with(Scope::JobsWrite).with(Scope::Realtime));
    /// `admin` alone.
    pub const ADMIN: Self = Self::of(ScopeSet::ADMIN);
    /// `platform` alone.
    pub const PLATFORM: Self = Self::of(ScopeSet::PLATFORM);

    const fn of(built_in: ScopeSet) -> Self {
        Self { built_in, own: Vec::new() }
    }

    /// The scopes of these names, known or not. Fails where there are none, or one is there twice.
    pub fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, ScopeError> {
        let mut scopes = Self::of(ScopeSet::NONE);
        for name in names {
            if !scopes.add(name) {
                return Err(ScopeError::Duplicate);
            }
        }
        if scopes == Self::of(ScopeSet::NONE) { Err(ScopeError::Empty) } else { Ok(scopes) }
    }

    /// Adds the scope of this name, unless it is there.
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

    /// Whether a stored key can have a scope of this name: a scope token of OAuth (RFC 6749 §3.3) without a comma. The
    /// grammar of those that are named now is narrower.
    pub fn is_storable(name: &str) -> bool {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\,".contains(&byte))
    }

    /// The built-in ones.
    pub const fn built_in(&self) -> ScopeSet {
        self.built_in
    }

    /// The names of the others, by name.
    pub fn own(&self) -> impl Iterator<Item = &str> {
        self.own.iter().map(AsRef::as_ref)
    }

    /// All names: the built-in ones in their order, then the others by name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.built_in.iter().map(|scope| -> &str { scope.as_str() }).chain(self.own())
    }

    /// Whether they let a key manage keys: no scope that is not built in does.
    pub const fn manages(&self) -> bool {
        self.built_in.grants(Scope::Admin)
    }
}

impl ScopeSet {
    /// The first scope of a key that goes beyond a holder of this set, if there is one: nobody gives, or takes over, what
    /// they do not have. A name that nobody knows may be named again, and `admin` includes it then: so it does now.
    pub fn first_beyond(self, key: &KeyScopes) -> Option<Scope> {
        let own = key.own().map(|name| OwnScope::find(name).map_or(Scope::Admin, Scope::Own));
        key.built_in().iter().chain(own).find(|scope| !self.grants(*scope))
    }
}

/// The names with a comma between: how SQL engines store them.
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

/// The inverse of `Display`.
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

/// Whether the names are known is for a deployment to say.
impl<'de> serde::Deserialize<'de> for KeyScopes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        Self::named(names.iter().map(String::as_str)).map_err(serde::de::Error::custom)
    }
}
