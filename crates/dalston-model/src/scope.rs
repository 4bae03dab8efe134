//! Scopes: what a key may do. A closed set; what `admin` and `platform` imply is written here and nowhere else.

use std::{fmt, str::FromStr};
use thiserror::Error;

/// One right. The order is the order of display.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Scope {
    /// Read transcription jobs.
    JobsRead,
    /// Create and cancel transcription jobs, purge ended ones.
    JobsWrite,
    /// Open a transcription stream, make a ticket for one.
    Realtime,
    /// Manage the tenant's webhooks.
    Webhooks,
    /// Send a message to the administrators.
    Nudge,
    /// All of the above and key management, inside its own tenant.
    Admin,
    /// Register a transcription worker.
    Worker,
    /// Everything, in every tenant, and the tenants themselves.
    Platform,
}

impl Scope {
    /// Every scope, in the order of display.
    pub const ALL: [Self; 8] = [
        Self::JobsRead,
        Self::JobsWrite,
        Self::Realtime,
        Self::Webhooks,
        Self::Nudge,
        Self::Admin,
        Self::Worker,
        Self::Platform,
    ];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::JobsRead => "jobs:read",
            Self::JobsWrite => "jobs:write",
            Self::Realtime => "realtime",
            Self::Webhooks => "webhooks",
            Self::Nudge => "nudge",
            Self::Admin => "admin",
            Self::Worker => "worker",
            Self::Platform => "platform",
        }
    }

    /// What it allows, as the README and `help` say it.
    pub const fn summary(self) -> &'static str {
        match self {
            Self::JobsRead => "read transcription jobs",
            Self::JobsWrite => "create and cancel transcription jobs, purge ended ones",
            Self::Realtime => "open a transcription stream, make a ticket for one",
            Self::Webhooks => "manage the tenant's webhooks",
            Self::Nudge => "send a message to the administrators",
            Self::Admin => "everything above and key management, inside its own tenant",
            Self::Worker => "register a transcription worker",
            Self::Platform => "everything, in every tenant, and the tenants themselves",
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u8
    }

    /// What holding this scope allows, itself among it.
    const fn implied(self) -> u16 {
        match self {
            // Every scope listed before it: `worker` and `platform` come after.
            Self::Admin => (Self::Admin.bit() << 1) - 1,
            Self::Platform => u16::MAX,
            other => other.bit(),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a list of scopes was refused. Names none of the offending text.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum ScopeError {
    /// A name that is no scope.
    #[error("must name known scopes only: {}", Scope::ALL.map(Scope::as_str).join(", "))]
    Unknown,
    /// The same scope twice.
    #[error("must not name a scope twice")]
    Duplicate,
    /// No scope at all.
    #[error("must name at least one scope")]
    Empty,
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or(ScopeError::Unknown)
    }
}

/// The scopes of a caller: those that a key was given, never none, or those of whoever needs no key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ScopeSet(u16);

impl ScopeSet {
    /// What a key gets that is created without scopes: `jobs:read`, `jobs:write`, `realtime`.
    pub const DEFAULT: Self = Self(Scope::JobsRead.bit() | Scope::JobsWrite.bit() | Scope::Realtime.bit());
    /// `admin` alone.
    pub const ADMIN: Self = Self(Scope::Admin.bit());
    /// `platform` alone.
    pub const PLATFORM: Self = Self(Scope::Platform.bit());

    /// None: a guest. No key has it.
    pub const NONE: Self = Self(0);

    /// The set of these names. At least one, no duplicates, no unknown ones.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, ScopeError> {
        let mut bits = 0;
        for name in names {
            let bit = name.parse::<Scope>()?.bit();
            if bits & bit != 0 {
                return Err(ScopeError::Duplicate);
            }
            bits |= bit;
        }
        if bits == 0 { Err(ScopeError::Empty) } else { Ok(Self(bits)) }
    }

    /// Whether a holder of this set may do what `scope` allows.
    pub fn grants(self, scope: Scope) -> bool {
        self.reach() & scope.bit() != 0
    }

    /// Whether a holder of this set may give `other` to a key: nothing in it goes beyond this set.
    pub fn covers(self, other: Self) -> bool {
        other.reach() & !self.reach() == 0
    }

    /// The set with one more scope.
    #[must_use]
    pub const fn with(self, scope: Scope) -> Self {
        Self(self.0 | scope.bit())
    }

    /// Whether `scope` itself was given, not merely implied.
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// The scopes that were given, in the order of display.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }

    fn reach(self) -> u16 {
        self.iter().fold(0, |bits, scope| bits | scope.implied())
    }
}

/// The names with a comma between: how SQL engines store the set.
impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The inverse of `Display`.
impl FromStr for ScopeSet {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        Self::parse(text.split(',').filter(|name| !name.is_empty()))
    }
}

impl serde::Serialize for ScopeSet {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Scope::as_str))
    }
}

impl<'de> serde::Deserialize<'de> for ScopeSet {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        Self::parse(names.iter().map(String::as_str)).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_set() -> impl Strategy<Value = ScopeSet> {
        (1_u16..256).prop_map(ScopeSet)
    }

    #[test]
    fn admin_implies_all_but_worker_and_platform() {
        for scope in Scope::ALL {
            let outside = matches!(scope, Scope::Worker | Scope::Platform);
            assert_eq!(ScopeSet::ADMIN.grants(scope), !outside, "{scope}");
            assert!(ScopeSet::PLATFORM.grants(scope), "{scope}");
        }
    }

    #[test]
    fn scopes_are_matched_exactly() {
        for wrong in ["Admin", "", "jobs", "jobs:*", "jobs:read ", "*"] {
            assert_eq!(ScopeSet::parse([wrong]), Err(ScopeError::Unknown), "{wrong:?}");
        }
        assert_eq!(ScopeSet::parse([]), Err(ScopeError::Empty));
        assert_eq!(ScopeSet::parse(["admin", "admin"]), Err(ScopeError::Duplicate));
    }

    proptest! {
        #[test]
        fn nobody_covers_more_than_they_are_granted(mine in any_set(), theirs in any_set()) {
            let more = Scope::ALL.into_iter().any(|scope| theirs.grants(scope) && !mine.grants(scope));
            prop_assert_eq!(mine.covers(theirs), !more);
        }

        #[test]
        fn a_set_survives_its_text(set in any_set()) {
            prop_assert_eq!(set.to_string().parse::<ScopeSet>(), Ok(set));
        }
    }
}
