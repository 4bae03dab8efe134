//! The gate. *Authenticate*: who is the caller, by a credential scheme. *Limit*: is there room in the minute.
//! *Authorize*: may the caller do this.

pub use storage::GateStorage;

use crate::{
    Administrators, Admission, AuthError, AuthRequest, CachedKey, Caller, ChangeFeedConsumer, CredentialLocations,
    Digester, FailureThrottle, KeyCacheConfig, KeyCacheStats, KeyFormat, MasterKeys, Pepper, PepperError,
    PresentedCredentials, Product, QueryCredentials, Rejection, RejectionReason, Requirement,
    key_cache::KeyCache,
    live_keys::LiveKeys,
    lookup::{GateStep, Lookup, Pending},
    observers::Observers,
    pepper::PepperNote,
    scheme::{
        Authenticated, Authentication, CredentialScheme, chat::ChatScheme, key::KeyScheme, master::MasterScheme,
        process::ProcessScheme, ticket::TicketScheme,
    },
    sharded_counter::ShardedCounter,
    standing::Identity,
    store_clock::StoreClock,
    usage::UsageBuffer,
};
use dalston_limit::{CounterUnavailable, Limiter, LimiterMode, RateLimitDecision};
use dalston_model::{
    Clock as _, ErrorCode, KeyId, KnownScopes, Metadata, NodeId, Scope, SharedClock, Source, Timestamp,
};
use dalston_store::{FeedStore, KeyStore, StoreResult};
use std::{net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration};

/// What a gate is made of.
pub struct GateConfig {
    /// Where the keys are.
    pub storage: GateStorage,
    /// How much in a minute.
    pub limiter: Limiter,
    /// How secrets look.
    pub format: KeyFormat,
    /// What the service calls itself.
    pub product: Product,
    /// The scopes that the deployment knows.
    pub scopes: KnownScopes,
    /// The key of the digest, if there is one.
    pub pepper: Option<Pepper>,
    /// The operator's keys.
    pub masters: MasterKeys,
    /// The administrators of the chat.
    pub administrators: Administrators,
    /// Failed attempts a minute from one address.
    pub failures_per_minute: NonZeroU32,
    /// How live keys are kept in memory.
    pub memory: KeyCacheConfig,
    /// This run of the node, as it counts usage: another one at each start.
    pub node: NodeId,
    /// The node's clock.
    pub clock: SharedClock,
}

/// Admits requests or refuses them, from memory where that is known to be right: a store read for each key, not for each
/// request, and no write, as usage is counted in memory and flushed in batches. The only maker of callers, and so of
/// permits.
pub struct Gate {
    storage: GateStorage,
    limiter: Limiter,
    format: KeyFormat,
    product: Product,
    scopes: Arc<KnownScopes>,
    digester: Digester,
    pepper: Arc<PepperNote>,
    /// In the order in which they are asked: the most frequent first.
    schemes: Vec<Arc<dyn CredentialScheme>>,
    chat: Arc<ChatScheme>,
    directory: Arc<KeyCache>,
    observers: Arc<Observers>,
    failures: FailureThrottle,
    usage: UsageBuffer,
    totals: [ShardedCounter; 2],
    clock: SharedClock,
    /// Ends are checked against this one.
    store_clock: Arc<StoreClock>,
}

/// Requests that this node decided about since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct GateTotals {
    /// All of them.
    pub total: u64,
    /// Those that were refused.
    pub refused: u64,
}

/// The limiter cannot decide from memory.
struct StoreMustBeAsked;

impl Gate {
    /// A gate of these parts.
    pub fn new(parts: GateConfig) -> Arc<Self> {
        let GateConfig { storage, limiter, format, product, masters, memory, clock, .. } = parts;
        let digester = Digester::new(parts.pepper.as_ref());
        let pepper = Arc::new(PepperNote::new(storage.notes.clone(), &digester));
        let scopes = Arc::new(parts.scopes);
        let directory = KeyCache::new(storage.keys.clone(), clock.clone(), scopes.clone(), memory);
        let store_clock = Arc::new(StoreClock::new(clock.clone()));
        let chat = Arc::new(ChatScheme { administrators: parts.administrators });
        let keys = LiveKeys {
            storage: storage.clone(),
            directory: directory.clone(),
            store_clock: store_clock.clone(),
            clock: clock.clone(),
        };
        let schemes: Vec<Arc<dyn CredentialScheme>> = vec![
            Arc::new(KeyScheme {
                format: format.clone(),
                digester: digester.clone(),
                directory: directory.clone(),
                pepper: pepper.clone(),
                keys: keys.clone(),
            }),
            Arc::new(TicketScheme { digester: digester.clone(), keys }),
            Arc::new(MasterScheme { masters, feed: storage.feed.clone(), clock: clock.clone() }),
            chat.clone(),
            Arc::new(ProcessScheme),
        ];
        Arc::new(Self {
            storage,
            limiter,
            format,
            product,
            scopes,
            digester,
            pepper,
            schemes,
            chat,
            directory,
            observers: Arc::default(),
            failures: FailureThrottle::new(parts.failures_per_minute),
            usage: UsageBuffer::new(parts.node),
            totals: Default::default(),
            clock,
            store_clock,
        })
    }

    /// What a request presents in the places where credentials are taken: its headers, with names in any case, and its
    /// query.
    pub fn presented<'a, 'h: 'a>(
        &self,
        headers: impl Iterator<Item = (&'h str, &'h [u8])>,
        query: &'a QueryCredentials,
        places: CredentialLocations,
    ) -> PresentedCredentials<'a> {
        PresentedCredentials::read(headers, query, places, &self.product, self.format.prefix())
    }

    /// Admits the request and authorizes it for what it needs, or refuses it, where that needs no store to be asked: the
    /// key is in memory, and so is the room in its minute. Counted once, however it ends.
    pub fn try_authenticate_cached(self: &Arc<Self>, attempt: &AuthRequest<'_>, need: Requirement) -> GateStep {
        let at = self.clock.monotonic();
        let pending = match self.authenticate_credential(attempt, at) {
            Ok(Authentication::Known(proof)) => {
                // Whether a tenant is there is for the store to say.
                if attempt.tenant.is_none()
                    && let Ok(verdict) = self.try_take(&proof.standing, at)
                {
                    let caller = self.limited(proof.standing, verdict, attempt.source());
                    return GateStep::Decided(self.counted(caller.and_then(|caller| self.authorize(caller, need))));
                }
                Pending::Room(proof)
            }
            Ok(Authentication::Lookup(proof)) => Pending::Proof(proof),
            Ok(Authentication::Unrecognised | Authentication::Failed) => {
                return GateStep::Decided(self.counted(Err(self.failed(attempt.address).into())));
            }
            Err(refusal) => return GateStep::Decided(self.counted(Err(refusal.into()))),
        };
        let (source, tenant) = (attempt.source(), attempt.tenant.map(str::to_owned));
        GateStep::Lookup(Lookup { gate: Arc::clone(self), pending, source, tenant, need })
    }

    /// The same, asking the store where it must be.
    pub async fn authenticate(
        self: &Arc<Self>,
        attempt: AuthRequest<'_>,
        need: Requirement,
    ) -> Result<Admission, Rejection> {
        match self.try_authenticate_cached(&attempt, need) {
            GateStep::Decided(decision) => decision,
            GateStep::Lookup(lookup) => lookup.run().await,
        }
    }

    /// What the scheme says that recognises the credential.
    fn authenticate_credential(
        &self,
        attempt: &AuthRequest<'_>,
        at: Duration,
    ) -> Result<Authentication, RejectionReason> {
        let credential = attempt.credential?;
        for scheme in self.schemes.iter().filter(|scheme| scheme.takes_from(credential.place)) {
            match scheme.authenticate(&credential, attempt, at) {
                Authentication::Unrecognised => {}
                said => return Ok(said),
            }
        }
        Ok(Authentication::Unrecognised)
    }

    /// Decides about a request for which the store must be asked.
    pub(crate) async fn look_up(
        &self,
        pending: Pending,
        source: Source,
        tenant: Option<&str>,
        need: Requirement,
    ) -> Result<Admission, Rejection> {
        let found = match pending {
            Pending::Room(proof) => Some(proof),
            Pending::Proof(proof) => proof.await?,
        };
        let Some(Authenticated { standing, ticket }) = found else { return Err(self.failed(source.address).into()) };
        let verdict = self.take(&standing).await?;
        let caller = self.limited(standing, verdict, source)?;
        let holder = caller.cached_key().cloned();
        let placed = match (ticket, tenant) {
            (Some(terms), _) => caller.with_session_limit(terms.session_limit).placed(terms.tenant),
            (None, Some(tenant)) => self.in_tenant(caller, tenant).await,
            (None, None) => Ok(caller),
        };
        match placed {
            Ok(caller) => self.authorize(caller, need),
            Err(refusal) => Err(self.refused(holder.as_ref(), refusal, verdict)),
        }
    }

    /// Counts a request, however it ended: once.
    pub(crate) fn counted(&self, decision: Result<Admission, Rejection>) -> Result<Admission, Rejection> {
        let [total, refused] = &self.totals;
        total.add_one();
        if let Err(denied) = &decision {
            refused.add_one();
            tracing::debug!(event = "request.rejected", code = %denied.refusal.code(), "rejected a request");
        }
        decision
    }

    /// Takes a unit of the key's minute, if it has a limit and the store need not be asked. One unit is taken for each
    /// request, here or in [`Gate::take`].
    fn try_take(&self, standing: &Identity, at: Duration) -> Result<Option<RateLimitDecision>, StoreMustBeAsked> {
        match standing.limit() {
            None => Ok(None),
            Some((key, limit)) => self.limiter.try_take(key, limit, at).map(Some).ok_or(StoreMustBeAsked),
        }
    }

    /// The same, asking the store where it must be.
    async fn take(&self, standing: &Identity) -> Result<Option<RateLimitDecision>, RejectionReason> {
        match standing.limit() {
            None => Ok(None),
            Some((key, limit)) => {
                self.limiter.take(key, limit).await.map(Some).map_err(|CounterUnavailable| RejectionReason::Uncounted)
            }
        }
    }

    /// The caller, unless the limiter has refused the request.
    fn limited(
        &self,
        standing: Identity,
        verdict: Option<RateLimitDecision>,
        source: Source,
    ) -> Result<Caller, Rejection> {
        if let Some(verdict) = verdict
            && !verdict.admitted
        {
            if let Some(holder) = standing.holder() {
                self.usage.rate_limited(holder, self.clock.now());
            }
            return Err(RejectionReason::RateLimited(verdict).into());
        }
        Ok(Caller::new(standing, source).with_room(verdict))
    }

    /// Authorizes the caller, and counts the request with the uses of its key.
    fn authorize(&self, caller: Caller, need: Requirement) -> Result<Admission, Rejection> {
        if let Err(refusal) = caller.authorize(need) {
            return Err(self.refused(caller.cached_key(), refusal, caller.room().copied()));
        }
        if let Some(holder) = caller.cached_key() {
            self.usage.admitted(holder, self.clock.now(), caller.source().address);
        }
        Ok(Admission::new(caller, need))
    }

    /// A refusal of an authenticated request, counted with those of its key where the caller may not do what it asked.
    fn refused(
        &self,
        holder: Option<&Arc<CachedKey>>,
        refusal: RejectionReason,
        verdict: Option<RateLimitDecision>,
    ) -> Rejection {
        if let Some(holder) = holder.filter(|_| refusal.code() == ErrorCode::InsufficientScope) {
            self.usage.insufficient_scope(holder, self.clock.now());
        }
        Rejection { refusal, verdict }
    }

    /// The caller in the tenant that it names. Whether it may name one is decided before whether there is one, which
    /// costs platform callers a read.
    async fn in_tenant(&self, caller: Caller, tenant: &str) -> Result<Caller, RejectionReason> {
        caller.authorize(Requirement::Scope(Scope::Platform))?;
        let caller = caller.in_tenant(tenant.parse().map_err(|_| RejectionReason::UnknownTenant)?)?;
        match self.storage.tenants.tenant(caller.tenant()).await {
            Ok(Some(_)) => Ok(caller),
            Ok(None) => Err(RejectionReason::UnknownTenant),
            Err(error) => {
                tracing::error!(event = "tenant.lookup_failed", %error, "could not look up a tenant");
                Err(RejectionReason::Unavailable)
            }
        }
    }

    /// An answer from memory is used only when the changes up to so long ago are known.
    pub fn freshness(&self) -> Duration {
        self.directory.freshness().bound()
    }

    /// A command that was refused behind the door: counted with the refusals of the caller's key.
    pub fn refused_behind(&self, caller: &Caller) {
        if let Some(holder) = caller.cached_key() {
            self.usage.insufficient_scope(holder, self.clock.now());
        }
    }

    /// A failed attempt: the same answer whatever failed, until the address has none left.
    pub fn failed(&self, address: Option<IpAddr>) -> RejectionReason {
        let Some(address) = address else { return RejectionReason::InvalidCredential };
        match self.failures.charge(address, self.clock.monotonic()) {
            Ok(()) => RejectionReason::InvalidCredential,
            Err(wait) => {
                let retry_after = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                RejectionReason::TooManyFailures { retry_after: retry_after.max(1) }
            }
        }
    }

    /// Whoever tells this gate of the changes that others make, out of the record of its store. One is enough; without
    /// any, each request asks the store.
    pub fn feed_consumer(&self, feed: Arc<dyn FeedStore>) -> ChangeFeedConsumer {
        let (directory, observers) = (self.directory.clone(), self.observers.clone());
        ChangeFeedConsumer::new(feed, directory, observers, self.scopes.clone(), self.store_clock.clone())
    }

    /// What is kept in memory, and how it serves.
    pub fn memory(&self) -> KeyCacheStats {
        self.directory.figures()
    }

    /// Fails if the keys of the store were made with another pepper than this gate's.
    pub async fn check_pepper(&self) -> Result<(), PepperError> {
        self.pepper.check().await
    }

    /// The same before a secret is made; a store without keys remembers the pepper from then on.
    pub async fn claim_pepper(&self, keys: &dyn KeyStore) -> Result<(), PepperError> {
        self.pepper.claim(keys).await
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
        self.usage.write(&*self.storage.usage).await
    }

    /// Writes the usage of one key, for whoever is about to read it. Waits for one part that is under way at most.
    pub async fn write_usage_of(&self, key: KeyId) -> StoreResult<()> {
        self.gather_usage();
        self.usage.write_key(&*self.storage.usage, key).await
    }

    /// Keys of which usage waits to be written, each counted once a day.
    pub fn waiting_usage(&self) -> usize {
        self.usage.waiting()
    }

    /// Whether a text holds a key or a ticket, wherever in it.
    pub fn is_secret_within(&self, text: &str) -> bool {
        self.format.is_within(text) || KeyFormat::tickets().is_within(text)
    }

    /// Fails if a client's metadata holds a key or a ticket: it is stored and shown as it is.
    pub fn check_metadata(&self, metadata: &Metadata) -> Result<(), AuthError> {
        // Escapes stand for no character that a secret has.
        let holds_secret = self.is_secret_within(&metadata.to_string());
        if holds_secret { Err(AuthError::invalid("metadata", "must not hold a key")) } else { Ok(()) }
    }

    /// How secrets look here.
    pub const fn format(&self) -> &KeyFormat {
        &self.format
    }

    /// What the service calls itself.
    pub const fn product(&self) -> &Product {
        &self.product
    }

    /// The scopes that the deployment knows: what keys may be given here.
    pub fn scopes(&self) -> &KnownScopes {
        &self.scopes
    }

    /// How digests are made here.
    pub const fn digester(&self) -> &Digester {
        &self.digester
    }

    /// How the limiter decides at the moment.
    pub fn limiter_mode(&self) -> LimiterMode {
        self.limiter.mode()
    }

    /// How many nodes share the limits, as far as this one knows; `None` where it counts by itself.
    pub fn limiter_nodes(&self) -> Option<NonZeroU32> {
        self.limiter.nodes()
    }

    /// Requests decided since the start.
    pub fn totals(&self) -> GateTotals {
        let [total, refused] = &self.totals;
        GateTotals { total: total.sum(), refused: refused.sum() }
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

mod principals;
mod storage;
#[cfg(test)]
mod tests;
mod unrecorded;
