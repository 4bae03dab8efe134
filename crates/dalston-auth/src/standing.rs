//! What a credential scheme has authenticated.

use crate::CachedKey;
use dalston_model::{Actor, KeyId, Principal, PrincipalKind, RateLimit, Scope, ScopeSet, TenantId};
use std::sync::Arc;

/// The kind of whoever came with a ticket.
pub(crate) const TICKET: PrincipalKind = PrincipalKind::new("ticket");

/// What a credential scheme has authenticated: a principal, in the form that costs least. Each request of a key shares
/// what the cache holds of it.
#[derive(Debug, Clone)]
pub(crate) enum Identity {
    /// A live key.
    Key(Arc<CachedKey>),
    /// A live key that a ticket stood for.
    Ticket(Arc<CachedKey>),
    /// Any other principal.
    Other(Arc<Principal>),
}

impl Identity {
    /// The key's entry in the cache, if the principal acts as a key.
    pub(crate) const fn holder(&self) -> Option<&Arc<CachedKey>> {
        match self {
            Self::Key(holder) | Self::Ticket(holder) => Some(holder),
            Self::Other(_) => None,
        }
    }

    /// The key whose minute the request counts in, and how much that has.
    pub(crate) fn limit(&self) -> Option<(KeyId, RateLimit)> {
        let holder = self.holder()?;
        Some((holder.id, holder.rate_limit?))
    }

    /// What kind of principal it is.
    pub(crate) fn kind(&self) -> PrincipalKind {
        match self {
            Self::Key(_) => PrincipalKind::KEY,
            Self::Ticket(_) => TICKET,
            Self::Other(principal) => principal.kind,
        }
    }

    /// Who is recorded.
    pub(crate) fn actor(&self) -> Actor {
        match self {
            Self::Key(holder) | Self::Ticket(holder) => Actor::Key(holder.id),
            Self::Other(principal) => principal.actor,
        }
    }

    pub(crate) fn scopes(&self) -> ScopeSet {
        match self {
            Self::Key(holder) | Self::Ticket(holder) => holder.scopes,
            Self::Other(principal) => principal.scopes,
        }
    }

    /// The tenant that the principal works in by itself: its own, `default` for one with `platform`.
    pub(crate) fn tenant(&self) -> &TenantId {
        match self {
            // Not cloned: what all keys of a tenant share is not touched by each request.
            Self::Key(holder) | Self::Ticket(holder) if !holder.scopes.grants(Scope::Platform) => &holder.tenant,
            Self::Key(_) | Self::Ticket(_) => TenantId::first(),
            Self::Other(principal) => &principal.tenant,
        }
    }
}
