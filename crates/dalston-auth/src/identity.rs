//! The result of a credential scheme: an authenticated identity.

use crate::CachedKey;
use dalston_model::{Actor, KeyId, Principal, PrincipalKind, RateLimit, Scope, ScopeSet, TenantId};
use std::sync::Arc;

/// The kind of a principal that was authenticated by a ticket.
pub(crate) const TICKET: PrincipalKind = PrincipalKind::new("ticket");

/// An authenticated principal, in its cheapest form: all requests of a key share its cache entry.
#[derive(Debug, Clone)]
pub(crate) enum Identity {
    /// A live key.
    Key(Arc<CachedKey>),
    /// A live key, for which a ticket was presented.
    Ticket(Arc<CachedKey>),
    /// Any other principal.
    Other(Arc<Principal>),
}

impl Identity {
    /// Returns the cache entry of the key, if the principal acts as a key.
    pub(crate) const fn cached_key(&self) -> Option<&Arc<CachedKey>> {
        match self {
            Self::Key(cached_key) | Self::Ticket(cached_key) => Some(cached_key),
            Self::Other(_) => None,
        }
    }

    /// Returns the key that the request counts against and its rate limit, if it has one.
    pub(crate) fn limit(&self) -> Option<(KeyId, RateLimit)> {
        let cached_key = self.cached_key()?;
        Some((cached_key.id, cached_key.rate_limit?))
    }

    /// Returns the kind of the principal.
    pub(crate) fn kind(&self) -> PrincipalKind {
        match self {
            Self::Key(_) => PrincipalKind::KEY,
            Self::Ticket(_) => TICKET,
            Self::Other(principal) => principal.kind,
        }
    }

    /// Returns the identity that the audit log records.
    pub(crate) fn actor(&self) -> Actor {
        match self {
            Self::Key(cached_key) | Self::Ticket(cached_key) => Actor::Key(cached_key.id),
            Self::Other(principal) => principal.actor,
        }
    }

    pub(crate) fn scopes(&self) -> ScopeSet {
        match self {
            Self::Key(cached_key) | Self::Ticket(cached_key) => cached_key.scopes,
            Self::Other(principal) => principal.scopes,
        }
    }

    /// Returns the tenant in which the principal acts by default: its own, or `default` for a key with `platform`.
    pub(crate) fn tenant(&self) -> &TenantId {
        match self {
            // Borrowed instead of cloned: a clone would make each request write to the reference count that all keys of
            // a tenant share.
            Self::Key(cached_key) | Self::Ticket(cached_key) if !cached_key.scopes.grants(Scope::Platform) => {
                &cached_key.tenant
            }
            Self::Key(_) | Self::Ticket(_) => TenantId::first(),
            Self::Other(principal) => &principal.tenant,
        }
    }
}
