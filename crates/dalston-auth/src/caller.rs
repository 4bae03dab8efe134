//! The caller of a request, regardless of the interface.

use crate::{CachedKey, RejectionReason, Requirement, identity::Identity, scheme};
use dalston_limit::RateLimitDecision;
use dalston_model::{Actor, Door, Principal, Scope, ScopeSet, Source, TenantId};
use std::{sync::Arc, time::Duration};

/// An authenticated caller: a principal that acts in a tenant, through an interface. Only a [`Gate`](crate::Gate)
/// creates one.
#[derive(Debug, Clone)]
pub struct Caller {
    identity: Identity,
    /// The tenant in which the caller acts, if it is not the principal's own.
    tenant_override: Option<TenantId>,
    source: Source,
    room: Option<RateLimitDecision>,
    session_limit: Option<Duration>,
}

impl Caller {
    /// Creates the caller of an authenticated principal, in the principal's own tenant. The actor of `source` is
    /// replaced by the principal's.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the caller takes its source over, and only its actor is another"
    )]
    pub(crate) fn new(identity: Identity, source: Source) -> Self {
        let source = Source { actor: identity.actor(), ..source };
        Self { identity, tenant_override: None, source, room: None, session_limit: None }
    }

    /// Returns the caller with the limiter's decision about this request.
    pub(crate) fn with_room(self, room: Option<RateLimitDecision>) -> Self {
        Self { room, ..self }
    }

    /// Returns the caller with a maximum duration of its sessions.
    pub(crate) fn with_session_limit(self, session_limit: Option<Duration>) -> Self {
        Self { session_limit, ..self }
    }

    /// Returns the caller with another interface: for a language model that acts on behalf of the user it talks to.
    #[must_use]
    pub fn through(self, door: Door) -> Self {
        Self { source: Source { door, ..self.source }, ..self }
    }

    /// Returns the caller in another tenant. Fails with [`RejectionReason::InsufficientScope`] unless the caller holds
    /// `platform`.
    pub fn in_tenant(self, tenant: TenantId) -> Result<Self, RejectionReason> {
        self.authorize(Requirement::Scope(Scope::Platform))?;
        Ok(Self { tenant_override: Some(tenant), ..self })
    }

    /// Returns the caller in the tenant that a ticket names. If that is not its own tenant, it must hold `platform`.
    pub(crate) fn in_ticket_tenant(self, tenant: TenantId) -> Result<Self, RejectionReason> {
        if *self.tenant() == tenant { Ok(self) } else { self.in_tenant(tenant) }
    }

    /// Returns the caller with the current state of its principal. If the caller acts in another tenant, the principal
    /// must still be allowed to.
    pub(crate) fn with_identity(&self, identity: Identity) -> Result<Self, RejectionReason> {
        let with_identity = Self::new(identity, self.source.clone());
        let with_identity = with_identity.with_room(self.room).with_session_limit(self.session_limit);
        with_identity.in_ticket_tenant(self.tenant().clone())
    }

    /// Fails with [`RejectionReason::InsufficientScope`] unless the caller meets the requirement.
    pub fn authorize(&self, requirement: Requirement) -> Result<(), RejectionReason> {
        match requirement {
            Requirement::Scope(scope) if !requirement.is_met_by(self.scopes()) => {
                Err(RejectionReason::InsufficientScope(scope))
            }
            Requirement::Scope(_) | Requirement::Caller => Ok(()),
        }
    }

    /// Returns whether the caller meets the requirement.
    pub fn may(&self, requirement: Requirement) -> bool {
        requirement.is_met_by(self.scopes())
    }

    /// Returns the principal, as it was when the caller was authenticated.
    pub fn principal(&self) -> Principal {
        match &self.identity {
            Identity::Other(principal) => Principal::clone(principal),
            Identity::Key(cached_key) | Identity::Ticket(cached_key) => Principal {
                kind: self.identity.kind(),
                actor: Actor::Key(cached_key.id),
                tenant: cached_key.tenant.clone(),
                scopes: cached_key.scopes,
                expires: cached_key.expires(),
            },
        }
    }

    /// Returns the cache entry of the key, if the caller acts as a key.
    pub const fn cached_key(&self) -> Option<&Arc<CachedKey>> {
        self.identity.cached_key()
    }

    /// Returns whether the caller is a guest of the chat, who has no scopes.
    pub fn is_guest(&self) -> bool {
        self.identity.kind() == scheme::chat::GUEST
    }

    /// Returns the scopes of the caller.
    pub fn scopes(&self) -> ScopeSet {
        self.identity.scopes()
    }

    /// Returns the tenant in which the caller acts.
    pub fn tenant(&self) -> &TenantId {
        self.tenant_override.as_ref().unwrap_or_else(|| self.identity.tenant())
    }

    /// Returns the limiter's decision about this request, if the key has a rate limit.
    pub const fn room(&self) -> Option<&RateLimitDecision> {
        self.room.as_ref()
    }

    /// Returns the maximum duration of sessions that the caller opens, if it was authenticated by a ticket that sets
    /// one.
    pub const fn session_limit(&self) -> Option<Duration> {
        self.session_limit
    }

    /// Returns the source of the request for the audit log: actor, interface, address and request id.
    pub const fn source(&self) -> &Source {
        &self.source
    }
}
