//! The gate. *Admit*: who are you, is the key live, is there room in the minute. *Permit*: may you do this.

use crate::{
    Asked, Attempt, Caller, Credential, Denied, Digester, Entry, FailureThrottle, Follower, Holder, Identity,
    KeyFormat, MasterKeys, Memory, MemoryFigures, Need, Pepper, PepperError, Refusal, Ticket, directory::Directory,
    pepper::PepperNote, store_clock::StoreClock, striped::Striped, usage::UsageBuffer,
};
use dalston_limit::{Limiter, Mode, Uncounted, Verdict};
use dalston_model::{
    Action, Actor, Clock as _, ErrorCode, Key, KeyId, KeyState, NodeId, Scope, SharedClock, Source, Target, TenantId,
    Timestamp,
};
use dalston_store::{FeedStore, SharedStore, StoreResult};
use serde_json::json;
use std::{net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration};

/// An older look at the store's time decides about no end.
const STORE_TIME: Duration = Duration::from_secs(1);

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
    /// How live keys are kept in memory.
    pub memory: Memory,
    /// This run of the node, as it counts usage: another one at each start.
    pub node: NodeId,
    /// The node's clock.
    pub clock: SharedClock,
}

/// Lets requests in or not, from memory where that is known to be right: a store read for each key, not for each
/// request, and no write, as usage is counted in memory and flushed in batches.
pub struct Gate {
    store: SharedStore,
    limiter: Limiter,
    format: KeyFormat,
    digester: Digester,
    pepper: PepperNote,
    masters: MasterKeys,
    directory: Arc<Directory>,
    failures: FailureThrottle,
    usage: UsageBuffer,
    totals: [Striped; 2],
    clock: SharedClock,
    /// Ends are checked against this one.
    store_clock: Arc<StoreClock>,
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
enum Admitted {
    Master,
    Holder { holder: Arc<Holder>, verdict: Option<Verdict>, ticket: Option<Ticket> },
}

impl Gate {
    /// A gate of these parts.
    pub fn new(parts: GateParts) -> Self {
        let digester = Digester::new(parts.pepper.as_ref());
        Self {
            pepper: PepperNote::new(parts.store.clone(), &digester),
            directory: Directory::new(parts.store.clone(), parts.clock.clone(), parts.memory),
            store: parts.store,
            limiter: parts.limiter,
            format: parts.format,
            digester,
            masters: parts.masters,
            failures: FailureThrottle::new(parts.failures_per_minute),
            usage: UsageBuffer::new(parts.node),
            totals: Default::default(),
            store_clock: Arc::new(StoreClock::new(parts.clock.clone())),
            clock: parts.clock,
        }
    }

    /// What [`Gate::enter`] would say, where that needs nobody to be asked: the key is in memory, and so is the room in
    /// its minute. `None`: nothing was decided, and nothing counted.
    pub fn try_enter(&self, attempt: &Attempt<'_>, need: Need) -> Option<Result<Entry, Denied>> {
        let credential = attempt.credential.ok().filter(|it| !it.is_ticket && attempt.tenant.is_none())?;
        // What has the shape of a key is no master key.
        let secret = self.format.check(credential.token)?;
        let at = self.clock.monotonic();
        let holder = self.directory.get(&self.digester.digest(secret), at)?;
        let verdict = match holder.rate_limit {
            None => None,
            Some(limit) => Some(self.limiter.try_take(holder.id, limit, at)?),
        };
        let now = self.clock.now();
        let entered = self.room(&holder, verdict, now).map_err(Denied::from).and_then(|()| {
            let caller = Caller::new(Identity::Key(holder.clone()), source(attempt)).with_room(verdict);
            self.permit(Ok(caller), Some(&holder), need, attempt.address, now)
        });
        Some(self.counted(entered))
    }

    /// Admits the request and permits what it needs. Counted once, however it ends.
    pub async fn enter(&self, attempt: Attempt<'_>, need: Need) -> Result<Entry, Denied> {
        match self.try_enter(&attempt, need) {
            Some(entered) => entered,
            None => self.counted(self.decide(attempt, need).await),
        }
    }

    fn counted(&self, entered: Result<Entry, Denied>) -> Result<Entry, Denied> {
        let [total, refused] = &self.totals;
        total.add_one();
        if let Err(denied) = &entered {
            refused.add_one();
            tracing::debug!(code = %denied.refusal.code(), "refused");
        }
        entered
    }

    async fn decide(&self, attempt: Attempt<'_>, need: Need) -> Result<Entry, Denied> {
        let (identity, verdict, ticket) = match self.admit(&attempt).await? {
            Admitted::Master => (Identity::Master, None, None),
            Admitted::Holder { holder, verdict, ticket } => (Identity::Key(holder), verdict, ticket),
        };
        let caller = Caller::new(identity, source(&attempt)).with_room(verdict);
        let holder = caller.holder().cloned();
        if caller.source().actor == Actor::Master {
            self.master_used(&caller, attempt.asked, attempt.tenant).await?;
        }
        let placed = match (ticket, attempt.tenant) {
            (Some(ticket), _) => caller.with_ticket(ticket),
            (None, None) => Ok(caller),
            (None, Some(tenant)) => self.in_tenant(caller, tenant).await,
        };
        self.permit(placed, holder.as_ref(), need, attempt.address, self.clock.now())
            .map_err(|denied| Denied { verdict, ..denied })
    }

    /// Permits the caller what it needs, and counts it with the uses of the key.
    fn permit(
        &self,
        caller: Result<Caller, Refusal>,
        holder: Option<&Arc<Holder>>,
        need: Need,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Entry, Denied> {
        let verdict = caller.as_ref().ok().and_then(|caller| caller.room().copied());
        let permitted = caller.and_then(|caller| caller.into_permit(need));
        if let Some(holder) = holder {
            match &permitted {
                Ok(_) => self.usage.admitted(holder, now, address),
                Err(refusal) if refusal.code() == ErrorCode::InsufficientScope => {
                    self.usage.insufficient_scope(holder, now);
                }
                Err(_) => {}
            }
        }
        permitted.map(|permit| Entry { permit }).map_err(|refusal| Denied { refusal, verdict })
    }

    /// Who it is, and whether there is room in the minute: one unit, taken here or in `try_enter`, and nowhere else.
    async fn admit(&self, attempt: &Attempt<'_>) -> Result<Admitted, Refusal> {
        let credential = attempt.credential?;
        if credential.may_be_master && self.masters.holds(credential.token) {
            return Ok(Admitted::Master);
        }
        let found = if credential.is_ticket {
            self.redeemed(credential, attempt).await?.map(|(key, ticket)| (self.holder(&key), Some(ticket)))
        } else {
            self.live_key(credential).await?.map(|holder| (holder, None))
        };
        let Some((holder, ticket)) = found else { return Err(self.failed(attempt.address)) };
        let verdict = match holder.rate_limit {
            None => None,
            Some(limit) => Some(self.limiter.take(holder.id, limit).await.map_err(|Uncounted| Refusal::Uncounted)?),
        };
        self.room(&holder, verdict, self.clock.now())?;
        Ok(Admitted::Holder { holder, verdict, ticket })
    }

    /// Whether the verdict admits the request.
    fn room(&self, holder: &Arc<Holder>, verdict: Option<Verdict>, now: Timestamp) -> Result<(), Refusal> {
        match verdict {
            Some(verdict) if !verdict.admitted => {
                self.usage.rate_limited(holder, now);
                Err(Refusal::RateLimited(verdict))
            }
            _ => Ok(()),
        }
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
        let now = self.store_time().await.map_err(unavailable)?;
        let active = found.map(|used| used.key).filter(|key| key.state(now) == KeyState::Active);
        Ok(active.map(|key| (key, ticket)))
    }

    /// The holder of the key if it is live, by the store's time. A secret of the wrong shape asks no store.
    async fn live_key(&self, credential: Credential<'_>) -> Result<Option<Arc<Holder>>, Refusal> {
        let Some(secret) = self.format.check(credential.token) else { return Ok(None) };
        // The directory has said why.
        let found = self.directory.find(&self.digester.digest(secret)).await.map_err(|_| Refusal::Unavailable)?;
        if found.is_some() {
            self.pepper.proven();
        }
        Ok(found)
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
        let Some(key) = caller.holder() else { return Ok(caller) };
        let unavailable = |error| {
            tracing::error!(%error, "a key could not be looked up");
            Refusal::Unavailable
        };
        let found = self.store.key(&key.tenant, key.id).await.map_err(unavailable)?;
        let now = self.store_time().await.map_err(unavailable)?;
        let active = found.map(|used| used.key).filter(|key| key.state(now) == KeyState::Active);
        caller.renewed(self.holder(&active.ok_or(Refusal::InvalidCredential)?))
    }

    /// The store's time: by the last look at it, or by one more when that was long ago.
    async fn store_time(&self) -> StoreResult<Timestamp> {
        if !self.store_clock.is_fresh(STORE_TIME) {
            let began = self.clock.monotonic();
            let now = self.store.now().await?;
            if self.store_clock.learn(began, now) {
                self.directory.freshness().flush();
            }
        }
        Ok(self.store_clock.now())
    }

    /// A command that was refused behind the door: counted with the refusals of the caller's key.
    pub fn refused_behind(&self, caller: &Caller) {
        if let Some(holder) = caller.holder() {
            self.usage.insufficient_scope(holder, self.clock.now());
        }
    }

    /// A failed attempt: the same answer whatever failed, until the address has none left.
    pub fn failed(&self, address: Option<IpAddr>) -> Refusal {
        let Some(address) = address else { return Refusal::InvalidCredential };
        match self.failures.charge(address, self.clock.monotonic()) {
            Ok(()) => Refusal::InvalidCredential,
            Err(wait) => {
                let retry_after = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                Refusal::TooManyFailures { retry_after: retry_after.max(1) }
            }
        }
    }

    /// Whoever tells this gate of the changes that others make, out of the record of its store. One is enough; without
    /// any, each request asks the store.
    pub fn follower(&self, feed: Arc<dyn FeedStore>) -> Follower {
        Follower::new(feed, self.directory.clone(), self.store_clock.clone())
    }

    /// The holder of a live key that was found another way than by its secret.
    pub fn holder(&self, key: &Key) -> Arc<Holder> {
        self.directory.outside(key)
    }

    /// A change of the key was made here, or may have been: what memory knows of it is forgotten at once.
    pub fn changed(&self, key: KeyId) {
        self.directory.freshness().changed(key);
    }

    /// What is kept in memory, and how it serves.
    pub fn memory(&self) -> MemoryFigures {
        self.directory.figures()
    }

    /// Fails if the keys of the store were made with another pepper than this gate's.
    pub async fn check_pepper(&self) -> Result<(), PepperError> {
        self.pepper.check().await
    }

    /// The same before a secret is made; a store without keys remembers the pepper from then on.
    pub async fn claim_pepper(&self) -> Result<(), PepperError> {
        self.pepper.claim().await
    }

    /// Has a store that does not remember its pepper do so, once one of its keys was accepted here.
    pub async fn learn_pepper(&self) -> Result<(), PepperError> {
        self.pepper.learn().await
    }

    /// Makes the usage that was counted until now ready to be written.
    pub fn gather_usage(&self) {
        self.usage.gather(self.clock.now());
    }

    /// Writes a part of the usage that was gathered: what takes a store some ten milliseconds. Returns whether there was
    /// anything to write. What fails is repeated by the next call, and never counted twice.
    pub async fn write_usage(&self) -> StoreResult<bool> {
        self.usage.write(&*self.store).await
    }

    /// Writes the usage of one key, for whoever is about to read it. Waits for one part that is under way at most.
    pub async fn write_usage_of(&self, key: KeyId) -> StoreResult<()> {
        self.gather_usage();
        self.usage.write_key(&*self.store, key).await
    }

    /// Keys of which usage waits to be written, each counted once a day.
    pub fn waiting_usage(&self) -> usize {
        self.usage.waiting()
    }

    /// Whether a text holds a key or a ticket, wherever in it.
    pub fn is_secret_within(&self, text: &str) -> bool {
        self.format.is_within(text) || KeyFormat::tickets().is_within(text)
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

    /// How many nodes share the limits, as far as this one knows; `None` where it counts by itself.
    pub fn limiter_nodes(&self) -> Option<NonZeroU32> {
        self.limiter.nodes()
    }

    /// Requests decided since the start.
    pub fn totals(&self) -> Totals {
        let [total, refused] = &self.totals;
        Totals { total: total.sum(), refused: refused.sum() }
    }

    /// The clock that ends are checked against: it tells the store's time, as this node reckons it since it was followed
    /// last.
    pub fn store_clock(&self) -> SharedClock {
        self.store_clock.clone()
    }

    /// The store's time by that clock.
    pub fn now(&self) -> Timestamp {
        self.store_clock.now()
    }
}

fn source(attempt: &Attempt<'_>) -> Source {
    Source { actor: Actor::Gateway, door: attempt.door, address: attempt.address, request_id: attempt.request_id }
}

#[cfg(test)]
mod tests;
