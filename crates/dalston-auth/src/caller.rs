//! Who is asking, whichever door they came through.

use crate::{CachedKey, RejectionReason, Requirement, scheme, standing::Identity};
use dalston_limit::RateLimitDecision;
use dalston_model::{Actor, Door, Principal, Scope, ScopeSet, Source, TenantId};
use std::{sync::Arc, time::Duration};

/// An authenticated caller: a principal at work, in a tenant, through a door. Only a [`Gate`](crate::Gate) makes one.
#[derive(Debug, Clone)]
pub struct Caller {
    standing: Identity,
    /// Where the caller works, if not where the principal belongs.
    elsewhere: Option<TenantId>,
    source: Source,
    room: Option<RateLimitDecision>,
    session_limit: Option<Duration>,
}

impl Caller {
    /// The caller of an authenticated principal, where it works by itself. The source's actor is the principal's.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the caller takes its source over, and only its actor is another"
    )]
    pub(crate) fn new(standing: Identity, source: Source) -> Self {
        let source = Source { actor: standing.actor(), ..source };
        Self { standing, elsewhere: None, source, room: None, session_limit: None }
    }

    /// The same caller, with what the limiter said of this request.
    pub(crate) fn with_room(self, room: Option<RateLimitDecision>) -> Self {
        Self { room, ..self }
    }

    /// The same caller, whose sessions last so long at most.
    pub(crate) fn with_session_limit(self, session_limit: Option<Duration>) -> Self {
        Self { session_limit, ..self }
    }

    /// The same caller, one door further in: a language model acts for whoever talks to it.
    #[must_use]
    pub fn through(self, door: Door) -> Self {
        Self { source: Source { door, ..self.source }, ..self }
    }

    /// The same caller in another tenant: for `platform` only.
    pub fn in_tenant(self, tenant: TenantId) -> Result<Self, RejectionReason> {
        self.authorize(Requirement::Scope(Scope::Platform))?;
        Ok(Self { elsewhere: Some(tenant), ..self })
    }

    /// The same caller, in the tenant that a ticket names.
    pub(crate) fn placed(self, tenant: TenantId) -> Result<Self, RejectionReason> {
        if *self.tenant() == tenant { Ok(self) } else { self.in_tenant(tenant) }
    }

    /// The same caller, whose principal is now this. One that worked elsewhere does so only as long as it may.
    pub(crate) fn renewed(&self, standing: Identity) -> Result<Self, RejectionReason> {
        let renewed = Self::new(standing, self.source.clone());
        let renewed = renewed.with_room(self.room).with_session_limit(self.session_limit);
        renewed.placed(self.tenant().clone())
    }

    /// Fails with [`RejectionReason::InsufficientScope`] unless the caller meets the need.
    pub fn authorize(&self, need: Requirement) -> Result<(), RejectionReason> {
        match need {
            Requirement::Scope(scope) if !need.is_met_by(self.scopes()) => {
                Err(RejectionReason::InsufficientScope(scope))
            }
            Requirement::Scope(_) | Requirement::Caller => Ok(()),
        }
    }

    /// Whether the caller meets the need.
    pub fn may(&self, need: Requirement) -> bool {
        need.is_met_by(self.scopes())
    }

    /// The principal, as it was when the caller was authenticated.
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

    /// What the cache holds of the key, when the caller acts as one.
    pub const fn cached_key(&self) -> Option<&Arc<CachedKey>> {
        self.standing.holder()
    }

    /// Whether the caller is a guest of the chat: somebody who belongs to no tenant.
    pub fn is_guest(&self) -> bool {
        self.standing.kind() == scheme::chat::GUEST
    }

    /// What the caller may do.
    pub fn scopes(&self) -> ScopeSet {
        self.standing.scopes()
    }

    /// The tenant that the caller works in.
    pub fn tenant(&self) -> &TenantId {
        self.elsewhere.as_ref().unwrap_or_else(|| self.standing.tenant())
    }

    /// How much of the minute is left, for a limited key.
    pub const fn room(&self) -> Option<&RateLimitDecision> {
        self.room.as_ref()
    }

    /// How long what the caller opens may last, for one who came with a ticket that says so.
    pub const fn session_limit(&self) -> Option<Duration> {
        self.session_limit
    }

    /// Who, through which door, from where, in which request.
    pub const fn source(&self) -> &Source {
        &self.source
    }
}
