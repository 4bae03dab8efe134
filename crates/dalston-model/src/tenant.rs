//! Tenant: an isolated customer.

use crate::{IdError, Name, Timestamp};
use std::{
    fmt,
    str::FromStr,
    sync::{Arc, LazyLock},
};

/// The id of a tenant: `^[a-z0-9][a-z0-9_-]{0,62}$`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(Arc<str>);

impl TenantId {
    /// The name of the tenant that exists from the start.
    pub const DEFAULT: &'static str = "default";

    /// The tenant `default`, without an allocation.
    pub fn first() -> &'static Self {
        static FIRST: LazyLock<TenantId> = LazyLock::new(|| TenantId(TenantId::DEFAULT.into()));
        &FIRST
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The tenant `default`.
impl Default for TenantId {
    fn default() -> Self {
        Self::first().clone()
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TenantId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
        let first = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if first && text.len() <= 63 && text.bytes().all(inner) { Ok(Self(text.into())) } else { Err(IdError) }
    }
}

/// A tenant, as the stores keep it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// The tenant's id, which never changes.
    pub id: TenantId,
    /// The display name.
    pub name: Option<Name>,
    /// When the tenant was created.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_id_is_a_narrow_word() {
        for right in ["default", "a", "0-_", &"x".repeat(63)] {
            assert!(right.parse::<TenantId>().is_ok(), "{right}");
        }
        for wrong in ["", "-a", "_a", "A", "a:b", "a b", "a\n", "é", &"x".repeat(64)] {
            assert!(wrong.parse::<TenantId>().is_err(), "{wrong:?}");
        }
    }
}
