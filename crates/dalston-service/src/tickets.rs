//! Tickets: single-use credentials for browsers, which cannot send a header when they open a WebSocket.

use crate::{IssuedSecret, NewSecret, ServiceError, ServiceResult};
use dalston_auth::{Gate, Permit, Ticket, rights};
use dalston_model::{KeyAction, SharedClock, SharedEntropy, Target, Timestamp};
use dalston_work::SharedWorkStorage;
use serde_json::json;
use std::{sync::Arc, time::Duration};

/// The parameters of a new ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketRequest {
    /// The path of the stream that the ticket opens.
    pub path: String,
    /// The only origin from which the ticket may be used; `None` allows any.
    pub origin: Option<String>,
    /// How long the ticket may be redeemed.
    pub ttl: Duration,
    /// The maximum duration of the stream.
    pub session_limit: Option<Duration>,
}

/// The use cases for tickets.
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

    /// Creates a ticket for the caller's key. The ticket is invalid once the key is.
    ///
    /// Returns the secret and when the ticket expires. The store receives only a digest of the secret.
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
        // Audit first: an audit record of a ticket that was then not created is harmless, a ticket without a record is
        // not.
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
