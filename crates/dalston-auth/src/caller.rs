//! Who is asking, whichever door they came through, and the proof that they may.

use crate::{Holder, Refusal, Ticket};
use dalston_limit::Verdict;
use dalston_model::{Action, Actor, AuditEntry, Door, Scope, ScopeSet, Source, Target, TenantId, Timestamp};
use serde_json::Value;
use std::{sync::Arc, time::Duration};

/// What somebody proved to be.
#[derive(Debug, Clone)]
pub enum Identity {
    /// The holder of a live key.
    Key(Arc<Holder>),
    /// The holder of the master key.
    Master,
    /// An administrator in the chat, whose id the chat vouches for.
    ChatAdmin(i64),
    /// Anybody else in the chat.
    ChatGuest(i64),
    /// Whoever runs the CLI on the store.
    Operator,
    /// The gateway itself.
    Gateway,
}

/// What a route or a command asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// To be somebody.
    Caller,
    /// To hold this scope.
    Scope(Scope),
}

/// Who is asking, in which tenant, through which door.
#[derive(Debug, Clone)]
pub struct Caller {
    identity: Identity,
    /// Where the caller works, if not where the identity does by itself.
    elsewhere: Option<TenantId>,
    source: Source,
    room: Option<Verdict>,
    session_limit: Option<Duration>,
}

impl Caller {
    /// The caller of a proven identity. A key works in its own tenant, a `platform` caller in `default`, unless
    /// [`Caller::in_tenant`] says otherwise. The source's actor follows from the identity.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the caller takes its source over, and only its actor is another"
    )]
    pub fn new(identity: Identity, source: Source) -> Self {
        let actor = match &identity {
            Identity::Key(holder) => Actor::Key(holder.id),
            Identity::Master => Actor::Master,
            Identity::ChatAdmin(user) => Actor::ChatAdmin(*user),
            Identity::ChatGuest(user) => Actor::ChatGuest(*user),
            Identity::Operator => Actor::Operator,
            Identity::Gateway => Actor::Gateway,
        };
        Self { identity, elsewhere: None, source: Source { actor, ..source }, room: None, session_limit: None }
    }

    /// The same caller, with what the limiter said of this request.
    #[must_use]
    pub fn with_room(self, room: Option<Verdict>) -> Self {
        Self { room, ..self }
    }

    /// The same caller, who came with a ticket: in its tenant, as long as the key may work there.
    pub(crate) fn with_ticket(self, ticket: Ticket) -> Result<Self, Refusal> {
        let placed = if ticket.tenant == *self.tenant() { self } else { self.in_tenant(ticket.tenant)? };
        Ok(Self { session_limit: ticket.session_limit, ..placed })
    }

    /// The same caller, one door further in: a language model acts for whoever talks to it.
    #[must_use]
    pub fn through(self, door: Door) -> Self {
        Self { source: Source { door, ..self.source }, ..self }
    }

    /// The same caller in another tenant: for `platform` only.
    pub fn in_tenant(self, tenant: TenantId) -> Result<Self, Refusal> {
        if !self.scopes().grants(Scope::Platform) {
            return Err(Refusal::InsufficientScope(Scope::Platform));
        }
        Ok(Self { elsewhere: Some(tenant), ..self })
    }

    /// The same caller, whose key is now this. One that worked elsewhere does so only as long as it may.
    pub(crate) fn renewed(self, holder: Arc<Holder>) -> Result<Self, Refusal> {
        let tenant = self.tenant().clone();
        let renewed = Self::new(Identity::Key(holder), self.source).with_room(self.room);
        if *renewed.tenant() == tenant { Ok(renewed) } else { renewed.in_tenant(tenant) }
    }

    /// Proves that the caller may do what `need` asks.
    pub fn permit(&self, need: Need) -> Result<Permit, Refusal> {
        self.clone().into_permit(need)
    }

    /// The same, of a caller that is not needed besides.
    pub fn into_permit(self, need: Need) -> Result<Permit, Refusal> {
        match need {
            Need::Scope(scope) if !self.scopes().grants(scope) => Err(Refusal::InsufficientScope(scope)),
            Need::Scope(_) | Need::Caller => Ok(Permit(self)),
        }
    }

    /// Whether the caller may do what `need` asks.
    pub fn may(&self, need: Need) -> bool {
        match need {
            Need::Scope(scope) => self.scopes().grants(scope),
            Need::Caller => true,
        }
    }

    /// The holder of the key, when the caller is one.
    pub const fn holder(&self) -> Option<&Arc<Holder>> {
        match &self.identity {
            Identity::Key(holder) => Some(holder),
            _ => None,
        }
    }

    /// Whether the caller is a guest: somebody who belongs to no tenant.
    pub const fn is_guest(&self) -> bool {
        matches!(self.identity, Identity::ChatGuest(_))
    }

    /// What the caller may do.
    pub fn scopes(&self) -> ScopeSet {
        match &self.identity {
            Identity::Key(key) => key.scopes,
            Identity::Master | Identity::Operator | Identity::Gateway => ScopeSet::PLATFORM,
            Identity::ChatAdmin(_) => ScopeSet::ADMIN,
            Identity::ChatGuest(_) => ScopeSet::NONE,
        }
    }

    /// The tenant that the caller works in.
    pub fn tenant(&self) -> &TenantId {
        match (&self.elsewhere, &self.identity) {
            (Some(tenant), _) => tenant,
            // Not cloned: what all keys of a tenant share is not touched by each request.
            (None, Identity::Key(holder)) if !holder.scopes.grants(Scope::Platform) => &holder.tenant,
            (None, _) => TenantId::first(),
        }
    }

    /// How much of the minute is left, for a limited key.
    pub const fn room(&self) -> Option<&Verdict> {
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

/// The proof that a caller may do a thing. Only [`Caller::permit`] makes one.
#[derive(Debug, Clone)]
pub struct Permit(Caller);

impl Permit {
    /// Who may.
    pub const fn caller(&self) -> &Caller {
        &self.0
    }

    /// In which tenant.
    pub fn tenant(&self) -> &TenantId {
        self.0.tenant()
    }

    /// What the caller may do at all: nothing wider may be given on.
    pub fn scopes(&self) -> ScopeSet {
        self.0.scopes()
    }

    /// Who, for `created_by`.
    pub const fn actor(&self) -> Actor {
        self.0.source.actor
    }

    /// The audit entry of a change that the caller makes at `time`.
    pub fn entry(&self, time: Timestamp, action: Action, target: Target, detail: Value) -> AuditEntry {
        AuditEntry { time, tenant: self.0.tenant().clone(), source: self.0.source.clone(), action, target, detail }
    }
}
