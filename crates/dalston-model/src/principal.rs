//! Principals: authenticated identities.

use crate::{Actor, Key, KnownScopes, ScopeSet, TenantId, Timestamp};
use std::fmt;

/// The kind of a principal: the name of the credential scheme that authenticates and revalidates it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PrincipalKind(&'static str);

impl PrincipalKind {
    /// An API key.
    pub const KEY: Self = Self::new("key");
    /// The operator, who uses the command line with direct access to the store.
    pub const OPERATOR: Self = Self::new("operator");

    /// The kind with this name. A kind belongs to one credential scheme.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The name of the kind.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for PrincipalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// An authenticated principal, as kept by a stream, a waiting request or a conversation. It is a snapshot from the time
/// of authentication. Whatever outlives the request must have it revalidated by the scheme of its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The scheme that authenticated the principal.
    pub kind: PrincipalKind,
    /// The identity, as the audit log records it. A ticket acts as its key.
    pub actor: Actor,
    /// The tenant that the principal belongs to.
    pub tenant: TenantId,
    /// The permissions.
    pub scopes: ScopeSet,
    /// When the principal expires; `None` is never.
    pub expires: Option<Timestamp>,
}

impl Principal {
    /// The local operator in this tenant, with all permissions: whoever can read the store can do everything.
    pub const fn operator(tenant: TenantId) -> Self {
        let (kind, actor) = (PrincipalKind::OPERATOR, Actor::Operator);
        Self { kind, actor, tenant, scopes: ScopeSet::PLATFORM, expires: None }
    }

    /// The principal of a live key, with the scopes that the deployment knows.
    pub fn of_key(key: &Key, known: &KnownScopes) -> Self {
        Self {
            kind: PrincipalKind::KEY,
            actor: Actor::Key(key.id),
            tenant: key.tenant.clone(),
            scopes: known.set(&key.scopes),
            expires: key.expires_at,
        }
    }
}
