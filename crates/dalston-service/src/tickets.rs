//! Tickets: one-use credentials for browsers, which can send no header when they open a stream.

use crate::{IssuedSecret, NewSecret, ServiceError, ServiceResult};
use dalston_auth::{Gate, Permit, Ticket, rights};
use dalston_model::{KeyAction, SharedClock, SharedEntropy, Target, Timestamp};
use dalston_work::SharedWorkStorage;
use serde_json::json;
use std::{sync::Arc, time::Duration};

/// What a ticket is to be good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketRequest {
    /// The path of a stream.
    pub path: String,
    /// The one origin from which it may be used.
    pub origin: Option<String>,
    /// How long it waits for its use.
    pub ttl: Duration,
    /// How long the stream may last.
    pub session_limit: Option<Duration>,
}

/// The use cases on tickets.
pub struct Tickets {
    store: SharedWorkStorage,
    gate: Arc<Gate>,
    clock: SharedClock,
    entropy: SharedEntropy,
}

impl Tickets {
    pub(crate) const fn new(
        store: SharedWorkStorage,
        gate: Arc<Gate>,
        clock: SharedClock,
        entropy: SharedEntropy,
    ) -> Self {
        Self { store, gate, clock, entropy }
    }

    /// Makes a ticket of the caller's key, which lives no longer than the key does. Gives the secret and when it lapses;
    /// the store has its digest only.
    pub async fn create(
        &self,
        permit: &Permit<rights::Realtime>,
        ask: TicketRequest,
    ) -> ServiceResult<(IssuedSecret, Timestamp)> {
        let Some(key) = permit.caller().cached_key() else {
            return Err(ServiceError::Conflict("A ticket belongs to an API key: use one to make it".into()));
        };
        let TicketRequest { path, origin, ttl, session_limit } = ask;
        let secret = Ticket::mint(&*self.entropy)?;
        let now = self.clock.now();
        let detail = json!({"path": path, "origin": origin, "ttl_seconds": ttl.as_secs()});
        let ticket = Ticket {
            key_tenant: key.tenant.clone(),
            key: key.id,
            tenant: permit.tenant().clone(),
            path,
            origin,
            session_limit,
        };
        // A record of a ticket that was not made does no harm; a ticket without a record would.
        self.store.record(&permit.entry(now, KeyAction::TICKET_CREATED, Target::key(key.id), detail)).await?;
        let name = Ticket::name(self.gate.digester(), &secret);
        if !self.store.put_entry(&name, None, &ticket.to_note(), ttl).await? {
            return Err(ServiceError::Internal);
        }
        let secret =
            IssuedSecret { secret: NewSecret::Ticket(secret), tenant: key.tenant.clone(), of: Target::key(key.id) };
        Ok((secret, now.plus(ttl)))
    }
}
