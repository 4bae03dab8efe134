//! The caller of a request, regardless of the interface.

use crate::{CachedKey, RejectionReason, Requirement, scheme, standing::Identity};
use dalston_limit::RateLimitDecision;
use dalston_model::{Actor, Door, Principal, Scope, ScopeSet, Source, TenantId};
use std::{sync::Arc, time::Duration};

/// An authenticated caller: a principal that acts in a tenant, through an interface. Only a [`Gate`](crate::Gate)
/// creates one.
#[derive(Debug, Clone)]
pub struct Caller {
    standing: Identity,
    /// The tenant in which the caller acts, if it is not the principal's own.
    elsewhere: Option<TenantId>,
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
    pub(crate) fn new(standing: Identity, source: Source) -> Self {
        let source = Source { actor: standing.actor(), ..source };
        Self { standing, elsewhere: None, source, room: None, session_limit: None }
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
        Ok(Self { elsewhere: Some(tenant), ..self })
    }

    /// Returns the caller in the tenant that a ticket names. If that is not its own tenant, it must hold `platform`.
    pub(crate) fn placed(self, tenant: TenantId) -> Result<Self, RejectionReason> {
        if *self.tenant() == tenant { Ok(self) } else { self.in_tenant(tenant) }
    }

    /// Returns the caller with the current state of its principal. If the caller acts in another tenant, the principal
    /// must still be allowed to.
    pub(crate) fn renewed(&self, standing: Identity) -> Result<Self, RejectionReason> {
        let renewed = Self::new(standing, self.source.clone());
        let renewed = renewed.with_room(self.room).with_session_limit(self.session_limit);
        renewed.placed(self.tenant().clone())
    }

    /// Fails with [`RejectionReason::InsufficientScope`] unless the caller meets the requirement.
    pub fn authorize(&self, need: Requirement) -> Result<(), RejectionReason> {
        match need {
            Requirement::Scope(scope) if !need.is_met_by(self.scopes()) => {
                Err(RejectionReason::InsufficientScope(scope))
            }
            Requirement::Scope(_) | Requirement::Caller => Ok(()),
        }
    }

    /// Returns whether the caller meets the requirement.
    pub fn may(&self, need: Requirement) -> bool {
        need.is_met_by(self.scopes())
    }

    /// Returns the principal, as it was when the caller was authenticated.
    pub fn principal(&self) -> Principal {
        match &self.standing {
            Identity::Other(principal) => Principal::clone(principal),
            Identity::Key(holder) | Identity::Ticket(holder) => Principal {
                kind: self.standing.kind(),
                actor: Actor::Key(holder.id),
                tenant: holder.tenant.clone(),
                scopes: holder.scopes,
                expires: holder.expires(),
            },
        }
    }

    /// Returns the cache entry of the key, if the caller acts as a key.
    pub const fn cached_key(&self) -> Option<&Arc<CachedKey>> {
        self.standing.holder()
    }

    /// Returns whether the caller is a guest of the chat, who belongs to no tenant.
    pub fn is_guest(&self) -> bool {
        self.standing.kind() == scheme::chat::GUEST
    }

    /// Returns the scopes of the caller.
    pub fn scopes(&self) -> ScopeSet {
        self.standing.scopes()
    }

    /// Returns the tenant in which the caller acts.
    pub fn tenant(&self) -> &TenantId {
        self.elsewhere.as_ref().unwrap_or_else(|| self.standing.tenant())
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
