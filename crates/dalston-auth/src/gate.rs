//! The gate. *Admit*: who are you, is the key live, is there room in the minute. *Permit*: may you do this.

use crate::{
    Asked, Attempt, Caller, Credential, Denied, Digester, Entry, FailureThrottle, Identity, KeyFormat, MasterKeys,
    Need, Pepper, Refusal, Ticket, UsageBuffer,
};
use dalston_limit::{Limiter, Mode, Verdict};
use dalston_model::{Action, Actor, ErrorCode, Key, KeyState, Scope, SharedClock, Source, Target, TenantId, Timestamp};
use dalston_store::{Found, SharedStore, StoreResult};
use serde_json::json;
use std::{
    net::IpAddr,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// What a gate is made of.
pub struct GateParts {
    /// Where the keys are.
    pub store: SharedStore,
    /// How much in a minute.
    pub limiter: Limiter,
    /// How secrets look.
    pub format: KeyFormat,
    /// The key of the digest, if there is one.
    pub pepper: Option<Pepper>,
    /// The operator's keys.
    pub masters: MasterKeys,
    /// Failed attempts a minute from one address.
    pub failures_per_minute: NonZeroU32,
    /// The node's clock.
    pub clock: SharedClock,
}

/// Lets requests in or not. One store read for each, and no write: usage is counted in memory and flushed in batches.
pub struct Gate {
    store: SharedStore,
    limiter: Limiter,
    format: KeyFormat,
    digester: Digester,
    masters: MasterKeys,
    failures: FailureThrottle,
    usage: UsageBuffer,
    totals: [AtomicU64; 2],
    clock: SharedClock,
}

/// Requests that this node decided about since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Totals {
    /// All of them.
    pub total: u64,
    /// Those that were refused.
    pub refused: u64,
}

/// Who was admitted.
struct Admitted {
    identity: Identity,
    verdict: Option<Verdict>,
    ticket: Option<Ticket>,
}

impl Gate {
    /// A gate of these parts.
    pub fn new(parts: GateParts) -> Self {
        Self {
            store: parts.store,
            limiter: parts.limiter,
            format: parts.format,
            digester: Digester::new(parts.pepper.as_ref()),
            masters: parts.masters,
            failures: FailureThrottle::new(parts.failures_per_minute),
            usage: UsageBuffer::default(),
            totals: Default::default(),
            clock: parts.clock,
        }
    }

    /// Admits the request and permits what it needs. Counted once, however it ends.
    pub async fn enter(&self, attempt: Attempt<'_>, need: Need) -> Result<Entry, Denied> {
        let entered = self.decide(attempt, need).await;
        self.totals[0].fetch_add(1, Ordering::Relaxed);
        if let Err(denied) = &entered {
            self.totals[1].fetch_add(1, Ordering::Relaxed);
            tracing::debug!(code = %denied.refusal.code(), "refused");
        }
        entered
    }

    async fn decide(&self, attempt: Attempt<'_>, need: Need) -> Result<Entry, Denied> {
        let Admitted { identity, verdict, ticket } = self.admit(&attempt).await?;
        let source = Source {
            actor: Actor::Gateway,
            door: attempt.door,
            address: attempt.address,
            request_id: attempt.request_id,
        };
        let caller = Caller::new(identity, source).with_room(verdict);
        let id = caller.key().map(|key| key.id);
        if caller.source().actor == Actor::Master {
            self.master_used(&caller, attempt.asked, attempt.tenant).await?;
        }
        let placed = match (ticket, attempt.tenant) {
            (Some(ticket), _) => caller.with_ticket(ticket),
            (None, None) => Ok(caller),
            (None, Some(tenant)) => self.in_tenant(caller, tenant).await,
        };
        let permitted = placed.and_then(|caller| caller.permit(need));
        if let Some(id) = id {
            match &permitted {
                Ok(_) => self.usage.admitted(id, self.clock.now(), attempt.address),
                Err(refusal) if refusal.code() == ErrorCode::InsufficientScope => {
                    self.usage.insufficient_scope(id, self.clock.now());
                }
                Err(_) => {}
            }
        }
        match permitted {
            Ok(permit) => Ok(Entry { permit }),
            Err(refusal) => Err(Denied { refusal, verdict }),
        }
    }

    /// Who it is, and whether there is room in the minute: one unit, taken here and nowhere else.
    async fn admit(&self, attempt: &Attempt<'_>) -> Result<Admitted, Refusal> {
        let credential = attempt.credential?;
        if credential.may_be_master && self.masters.holds(credential.token) {
            return Ok(Admitted { identity: Identity::Master, verdict: None, ticket: None });
        }
        let found = if credential.is_ticket {
            self.redeemed(credential, attempt).await?.map(|(key, ticket)| (key, Some(ticket)))
        } else {
            self.live_key(credential).await?.map(|key| (key, None))
        };
        let Some((key, ticket)) = found else { return Err(self.failed(attempt.address)) };
        let verdict = match key.rate_limit {
            None => None,
            Some(limit) => Some(self.limiter.take(key.id, limit).await),
        };
        if let Some(verdict) = verdict
            && !verdict.admitted
        {
            self.usage.rate_limited(key.id, self.clock.now());
            return Err(Refusal::RateLimited(verdict));
        }
        Ok(Admitted { identity: Identity::Key(Arc::new(key)), verdict, ticket })
    }

    /// The key behind a ticket if both are live, and the ticket, which is used up: also when it was not good for this.
    async fn redeemed(
        &self,
        credential: Credential<'_>,
        attempt: &Attempt<'_>,
    ) -> Result<Option<(Key, Ticket)>, Refusal> {
        let unavailable = |error| {
            tracing::error!(%error, "a ticket could not be looked up");
            Refusal::Unavailable
        };
        let Some(secret) = Ticket::parse(credential.token) else { return Ok(None) };
        let note = self.store.take_note(&Ticket::name(&self.digester, &secret)).await.map_err(unavailable)?;
        let ticket = note.and_then(|note| Ticket::from_note(&note));
        // It says itself in which tenant it works.
        let fits = |ticket: &Ticket| attempt.tenant.is_none() && ticket.opens(attempt.asked.route, attempt.origin);
        let Some(ticket) = ticket.filter(fits) else { return Ok(None) };
        let found = self.store.key(&ticket.key_tenant, ticket.key).await.map_err(unavailable)?;
        let active = found.map(|used| used.key).filter(|key| key.state(self.clock.now()) == KeyState::Active);
        Ok(active.map(|key| (key, ticket)))
    }

    /// The key behind the credential if it is live, by the store's time. A secret of the wrong shape asks no store.
    async fn live_key(&self, credential: Credential<'_>) -> Result<Option<Key>, Refusal> {
        let Some(secret) = self.format.parse(credential.token) else { return Ok(None) };
        match self.store.find_key(&self.digester.digest(&secret)).await {
            Ok(found) => Ok(found.and_then(live)),
            Err(error) => {
                tracing::error!(%error, "a key could not be looked up");
                Err(Refusal::Unavailable)
            }
        }
    }

    /// The caller in the tenant that it names. Whether it may name one is decided before whether there is one, which
    /// costs platform callers a read.
    async fn in_tenant(&self, caller: Caller, tenant: &str) -> Result<Caller, Refusal> {
        caller.permit(Need::Scope(Scope::Platform))?;
        let caller = caller.in_tenant(tenant.parse().map_err(|_| Refusal::UnknownTenant)?)?;
        match self.store.tenant(caller.tenant()).await {
            Ok(Some(_)) => Ok(caller),
            Ok(None) => Err(Refusal::UnknownTenant),
            Err(error) => {
                tracing::error!(%error, "a tenant could not be looked up");
                Err(Refusal::Unavailable)
            }
        }
    }

    /// Records the use of the master key, in the tenant that it names, whatever comes of it. What cannot be recorded is
    /// not done.
    async fn master_used(&self, caller: &Caller, asked: Asked<'_>, tenant: Option<&str>) -> Result<(), Refusal> {
        let named = tenant.and_then(|tenant| tenant.parse().ok());
        let tenant: TenantId = named.unwrap_or_else(|| caller.tenant().clone());
        let detail = json!({"method": asked.method, "route": asked.route});
        let target = Target::Tenant(tenant.clone());
        let mut entry = caller.permit(Need::Caller)?.entry(self.clock.now(), Action::MasterUsed, target, detail);
        entry.tenant = tenant;
        self.store.record(&entry).await.map(|_| ()).map_err(|error| {
            tracing::error!(%error, "a use of the master key could not be recorded");
            Refusal::Unavailable
        })
    }

    /// The caller as it is now: for whoever acts on when the request was admitted long ago.
    pub async fn again(&self, caller: Caller) -> Result<Caller, Refusal> {
        let Some(key) = caller.key() else { return Ok(caller) };
        let found = self.store.key(&key.tenant, key.id).await.map_err(|error| {
            tracing::error!(%error, "a key could not be looked up");
            Refusal::Unavailable
        })?;
        let active = found.map(|used| used.key).filter(|key| key.state(self.clock.now()) == KeyState::Active);
        caller.renewed(active.ok_or(Refusal::InvalidCredential)?)
    }

    /// A command that was refused behind the door: counted with the refusals of the caller's key.
    pub fn refused_behind(&self, caller: &Caller) {
        if let Some(key) = caller.key() {
            self.usage.insufficient_scope(key.id, self.clock.now());
        }
    }

    /// A failed attempt: the same answer whatever failed, until the address has none left.
    pub fn failed(&self, address: Option<IpAddr>) -> Refusal {
        let Some(address) = address else { return Refusal::InvalidCredential };
        match self.failures.charge(address, self.clock.now()) {
            Ok(()) => Refusal::InvalidCredential,
            Err(wait) => {
                let retry_after = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                Refusal::TooManyFailures { retry_after: retry_after.max(1) }
            }
        }
    }

    /// Gives the counted usage to the store.
    pub async fn flush_usage(&self) -> StoreResult<()> {
        self.usage.flush(&*self.store).await
    }

    /// How secrets look here.
    pub const fn format(&self) -> &KeyFormat {
        &self.format
    }

    /// How digests are made here.
    pub const fn digester(&self) -> &Digester {
        &self.digester
    }

    /// How the limiter decides at the moment.
    pub fn limiter_mode(&self) -> Mode {
        self.limiter.mode()
    }

    /// Requests decided since the start.
    pub fn totals(&self) -> Totals {
        let [total, refused] = &self.totals;
        Totals { total: total.load(Ordering::Relaxed), refused: refused.load(Ordering::Relaxed) }
    }

    /// The node's time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

fn live(found: Found) -> Option<Key> {
    let secret_lives = found.secret_expires_at.is_none_or(|at| found.now < at);
    let state = found.key.state(found.now);
    if secret_lives && state == KeyState::Active {
        return Some(found.key);
    }
    tracing::debug!(key = %found.key.id, tenant = %found.key.tenant, ?state, secret_lives, "not a live key");
    None
}
