//! Principals: who somebody has proved to be.

use crate::{Actor, Key, KnownScopes, ScopeSet, TenantId, Timestamp};
use std::fmt;

/// The kind of a principal: the name of the credential scheme that authenticated it, and that revalidates it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PrincipalKind(&'static str);

impl PrincipalKind {
    /// An API key.
    pub const KEY: Self = Self::new("key");
    /// The operator at the command line of the store.
    pub const OPERATOR: Self = Self::new("operator");

    /// The kind of this name. Each credential scheme has one of its own.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for PrincipalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// An authenticated principal: what a stream, a wait or a conversation remembers of whoever began it. It was true when
/// the request was authenticated; what outlives the request has it revalidated by its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// How it was authenticated.
    pub kind: PrincipalKind,
    /// Its identity, as the audit log records it. A ticket acts as its key.
    pub actor: Actor,
    /// The tenant that it belongs to.
    pub tenant: TenantId,
    /// What it may do.
    pub scopes: ScopeSet,
    /// When it expires; `None` is never.
    pub expires: Option<Timestamp>,
}

impl Principal {
    /// The local operator, in a tenant: whoever can read the store may do everything.
    pub const fn operator(tenant: TenantId) -> Self {
        let (kind, actor) = (PrincipalKind::OPERATOR, Actor::Operator);
        Self { kind, actor, tenant, scopes: ScopeSet::PLATFORM, expires: None }
    }

    /// The principal of a live key, where these scopes are known.
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
