//! The gate. It *authenticates* a request by a credential scheme, *limits* it by the rate limit of its key, and
//! *authorizes* its caller for what the route requires.

pub use storage::GateStorage;

use crate::{
    Administrators, Admission, AuthError, AuthRequest, CachedKey, Caller, ChangeFeedConsumer, CredentialLocations,
    Digester, FailureThrottle, KeyCacheConfig, KeyCacheStats, KeyFormat, MasterKeys, Pepper, PepperError,
    PresentedCredentials, Product, QueryCredentials, Rejection, RejectionReason, Requirement,
    identity::Identity,
    key_cache::KeyCache,
    live_keys::LiveKeys,
    lookup::{GateStep, Lookup, Pending},
    observers::Observers,
    pepper::PepperRecord,
    scheme::{
        Authenticated, Authentication, CredentialScheme, chat::ChatScheme, key::KeyScheme, master::MasterScheme,
        process::ProcessScheme, ticket::TicketScheme,
    },
    sharded_counter::ShardedCounter,
    store_clock::StoreClock,
    usage::UsageBuffer,
};
use dalston_limit::{CounterUnavailable, Limiter, LimiterMode, RateLimitDecision};
use dalston_model::{
    Clock as _, ErrorCode, KeyId, KnownScopes, Metadata, NodeId, Scope, SharedClock, Source, Timestamp,
};
use dalston_store::{FeedStore, KeyStore, StoreResult};
use std::{net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration};

/// The parts of a gate.
pub struct GateConfig {
    /// The storage: keys, tenants, usage, change feed and tickets.
    pub storage: GateStorage,
    /// The rate limiter.
    pub limiter: Limiter,
    /// The format of secrets.
    pub format: KeyFormat,
    /// The name of the service, as its clients see it.
    pub product: Product,
    /// The scopes that the deployment declares, and the built-in ones.
    pub scopes: KnownScopes,
    /// The HMAC key of the digests; `None` for plain digests.
    pub pepper: Option<Pepper>,
    /// The operator's master keys.
    pub masters: MasterKeys,
    /// The administrators of the chat.
    pub administrators: Administrators,
    /// Failed attempts per minute that are allowed from one address.
    pub failures_per_minute: NonZeroU32,
    /// How live keys are cached.
    pub memory: KeyCacheConfig,
    /// The id of this run of the node, under which it counts usage. It must differ at each start.
    pub node: NodeId,
    /// The clock of the node.
    pub clock: SharedClock,
}

/// Authenticates, limits and authorizes requests.
///
/// Decides from the cache where the cache is known to be current. So the store is read once per key, not once per
/// request. A request writes nothing: usage is counted in memory, and flushed in batches. Only a gate creates a
/// [`Caller`], and so a [`Permit`](crate::Permit).
pub struct Gate {
    storage: GateStorage,
    limiter: Limiter,
    format: KeyFormat,
    product: Product,
    scopes: Arc<KnownScopes>,
    digester: Digester,
    pepper: Arc<PepperRecord>,
    /// In the order in which they are tried: the most frequent first.
    schemes: Vec<Arc<dyn CredentialScheme>>,
    chat: Arc<ChatScheme>,
    cache: Arc<KeyCache>,
    observers: Arc<Observers>,
    failures: FailureThrottle,
    usage: UsageBuffer,
    totals: [ShardedCounter; 2],
    clock: SharedClock,
    /// The clock by which expiry is checked.
    store_clock: Arc<StoreClock>,
}

/// Counts of the requests that this node has decided since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct GateTotals {
    /// All requests.
    pub total: u64,
    /// The rejected requests.
    pub refused: u64,
}

/// The limiter cannot decide from memory.
struct StoreMustBeAsked;

impl Gate {
    /// Creates a gate of these parts.
    pub fn new(parts: GateConfig) -> Arc<Self> {
        let GateConfig { storage, limiter, format, product, masters, memory, clock, .. } = parts;
        let digester = Digester::new(parts.pepper.as_ref());
        let pepper = Arc::new(PepperRecord::new(storage.notes.clone(), &digester));
        let scopes = Arc::new(parts.scopes);
        let cache = KeyCache::new(storage.keys.clone(), clock.clone(), scopes.clone(), memory);
        let store_clock = Arc::new(StoreClock::new(clock.clone()));
        let chat = Arc::new(ChatScheme { administrators: parts.administrators });
        let keys = LiveKeys {
            storage: storage.clone(),
            cache: cache.clone(),
            store_clock: store_clock.clone(),
            clock: clock.clone(),
        };
        let schemes: Vec<Arc<dyn CredentialScheme>> = vec![
            Arc::new(KeyScheme {
                format: format.clone(),
                digester: digester.clone(),
                cache: cache.clone(),
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
            cache,
            observers: Arc::default(),
            failures: FailureThrottle::new(parts.failures_per_minute),
            usage: UsageBuffer::new(parts.node),
            totals: Default::default(),
            clock,
            store_clock,
        })
    }

    /// Extracts the credentials, the tenant and the origin from the headers and the query of a request.
    ///
    /// Header names may be in any case. `locations` says which places of the route accept a credential.
    pub fn presented<'a, 'h: 'a>(
        &self,
        headers: impl Iterator<Item = (&'h str, &'h [u8])>,
        query: &'a QueryCredentials,
        locations: CredentialLocations,
    ) -> PresentedCredentials<'a> {
        PresentedCredentials::read(headers, query, locations, &self.product, self.format.prefix())
    }

    /// Authenticates, limits and authorizes the request if no call of the store is needed: the key is cached, and the
    /// limiter can decide in memory.
    ///
    /// Otherwise it returns a [`Lookup`], which completes the request. The request is counted once in [`Gate::totals`],
    /// however it ends.
    pub fn try_authenticate_cached(self: &Arc<Self>, request: &AuthRequest<'_>, requirement: Requirement) -> GateStep {
        let at = self.clock.monotonic();
        let pending = match self.authenticate_credential(request, at) {
            Ok(Authentication::Known(proof)) => {
                // Only the store can tell whether the tenant exists.
                if request.tenant.is_none()
                    && let Ok(decision) = self.try_take(&proof.identity, at)
                {
                    let caller = self.check_limit(proof.identity, decision, request.source());
                    return GateStep::Decided(
                        self.record_decision(caller.and_then(|caller| self.authorize(caller, requirement))),
                    );
                }
                Pending::Room(proof)
            }
            Ok(Authentication::Lookup(proof)) => Pending::Authenticate(proof),
            Ok(Authentication::Unrecognised | Authentication::Failed) => {
                return GateStep::Decided(self.record_decision(Err(self.charge_failure(request.address).into())));
            }
            Err(reason) => return GateStep::Decided(self.record_decision(Err(reason.into()))),
        };
        let (source, tenant) = (request.source(), request.tenant.map(str::to_owned));
        GateStep::Lookup(Lookup { gate: Arc::clone(self), pending, source, tenant, requirement })
    }

    /// Like [`Gate::try_authenticate_cached`], and calls the store where that is needed.
    pub async fn authenticate(
        self: &Arc<Self>,
        request: AuthRequest<'_>,
        requirement: Requirement,
    ) -> Result<Admission, Rejection> {
        match self.try_authenticate_cached(&request, requirement) {
            GateStep::Decided(decision) => decision,
            GateStep::Lookup(lookup) => lookup.run().await,
        }
    }

    /// Returns the result of the first scheme that recognises the credential.
    fn authenticate_credential(
        &self,
        request: &AuthRequest<'_>,
        at: Duration,
    ) -> Result<Authentication, RejectionReason> {
        let credential = request.credential?;
        for scheme in self.schemes.iter().filter(|scheme| scheme.takes_from(credential.location)) {
            match scheme.authenticate(&credential, request, at) {
                Authentication::Unrecognised => {}
                said => return Ok(said),
            }
        }
        Ok(Authentication::Unrecognised)
    }

    /// Completes a request that needs a call of the store.
    pub(crate) async fn complete(
        &self,
        pending: Pending,
        source: Source,
        tenant: Option<&str>,
        requirement: Requirement,
    ) -> Result<Admission, Rejection> {
        let found = match pending {
            Pending::Room(proof) => Some(proof),
            Pending::Authenticate(proof) => proof.await?,
        };
        let Some(Authenticated { identity, ticket }) = found else {
            return Err(self.charge_failure(source.address).into());
        };
        let decision = self.take(&identity).await?;
        let caller = self.check_limit(identity, decision, source)?;
        let cached_key = caller.cached_key().cloned();
        let in_ticket_tenant = match (ticket, tenant) {
            (Some(terms), _) => caller.with_session_limit(terms.session_limit).in_ticket_tenant(terms.tenant),
            (None, Some(tenant)) => self.in_tenant(caller, tenant).await,
            (None, None) => Ok(caller),
        };
        match in_ticket_tenant {
            Ok(caller) => self.authorize(caller, requirement),
            Err(reason) => Err(self.refused(cached_key.as_ref(), reason, decision)),
        }
    }

    /// Counts a request that is decided, whatever the decision. Each request must pass here exactly once.
    pub(crate) fn record_decision(&self, decision: Result<Admission, Rejection>) -> Result<Admission, Rejection> {
        let [total, refused] = &self.totals;
        total.add_one();
        if let Err(denied) = &decision {
            refused.add_one();
            tracing::debug!(event = "request.rejected", code = %denied.reason.code(), "rejected a request");
        }
        decision
    }

    /// Takes one token of the key's rate limit, if the key has a limit and the limiter needs no call of the store.
    ///
    /// Each request takes one token, either here or in [`Gate::take`].
    fn try_take(&self, identity: &Identity, at: Duration) -> Result<Option<RateLimitDecision>, StoreMustBeAsked> {
        match identity.limit() {
            None => Ok(None),
            Some((key, limit)) => self.limiter.try_take(key, limit, at).map(Some).ok_or(StoreMustBeAsked),
        }
    }

    /// Like [`Gate::try_take`], and calls the store where that is needed.
    async fn take(&self, identity: &Identity) -> Result<Option<RateLimitDecision>, RejectionReason> {
        match identity.limit() {
            None => Ok(None),
            Some((key, limit)) => {
                self.limiter.take(key, limit).await.map(Some).map_err(|CounterUnavailable| RejectionReason::Uncounted)
            }
        }
    }

    /// Returns the caller, or a rejection if the limiter has refused the request.
    fn check_limit(
        &self,
        identity: Identity,
        decision: Option<RateLimitDecision>,
        source: Source,
    ) -> Result<Caller, Rejection> {
        if let Some(decision) = decision
            && !decision.admitted
        {
            if let Some(cached_key) = identity.cached_key() {
                self.usage.rate_limited(cached_key, self.clock.now());
            }
            return Err(RejectionReason::RateLimited(decision).into());
        }
        Ok(Caller::new(identity, source).with_room(decision))
    }

    /// Authorizes the caller, and counts an admitted request as a use of its key.
    fn authorize(&self, caller: Caller, requirement: Requirement) -> Result<Admission, Rejection> {
        if let Err(reason) = caller.authorize(requirement) {
            return Err(self.refused(caller.cached_key(), reason, caller.room().copied()));
        }
        if let Some(cached_key) = caller.cached_key() {
            self.usage.admitted(cached_key, self.clock.now(), caller.source().address);
        }
        Ok(Admission::new(caller, requirement))
    }

    /// Rejects an authenticated request. A rejection for a missing scope is counted with the key's refusals.
    fn refused(
        &self,
        cached_key: Option<&Arc<CachedKey>>,
        reason: RejectionReason,
        decision: Option<RateLimitDecision>,
    ) -> Rejection {
        if let Some(cached_key) = cached_key.filter(|_| reason.code() == ErrorCode::InsufficientScope) {
            self.usage.insufficient_scope(cached_key, self.clock.now());
        }
        Rejection { reason, decision }
    }

    /// Returns the caller in the tenant that the request names, which requires `platform`.
    ///
    /// The scope is checked before the existence of the tenant, so only platform callers cost a read of the store.
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

    /// Returns the freshness bound: cached keys are used only if the node knows all changes up to this long ago.
    pub fn freshness(&self) -> Duration {
        self.cache.freshness().bound()
    }

    /// Counts a command that was rejected after the gate had admitted the request, with the refusals of the caller's
    /// key.
    pub fn count_insufficient_scope(&self, caller: &Caller) {
        if let Some(cached_key) = caller.cached_key() {
            self.usage.insufficient_scope(cached_key, self.clock.now());
        }
    }

    /// Charges a failed attempt to the address, and returns the rejection.
    ///
    /// The rejection is [`RejectionReason::InvalidCredential`] whatever the cause, so it reveals nothing. Once the
    /// address has used up its attempts, it is [`RejectionReason::TooManyFailures`]. Without an address there is no
    /// throttle.
    pub fn charge_failure(&self, address: Option<IpAddr>) -> RejectionReason {
        let Some(address) = address else { return RejectionReason::InvalidCredential };
        match self.failures.charge(address, self.clock.monotonic()) {
            Ok(()) => RejectionReason::InvalidCredential,
            Err(wait) => {
                let retry_after = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                RejectionReason::TooManyFailures { retry_after: retry_after.max(1) }
            }
        }
    }

    /// Returns a consumer of the change feed, which invalidates cached keys that other nodes have changed.
    ///
    /// One consumer is enough. Without any, each request reads the store.
    pub fn feed_consumer(&self, feed: Arc<dyn FeedStore>) -> ChangeFeedConsumer {
        let (cache, observers) = (self.cache.clone(), self.observers.clone());
        ChangeFeedConsumer::new(feed, cache, observers, self.scopes.clone(), self.store_clock.clone())
    }

    /// Returns statistics of the key cache.
    pub fn memory(&self) -> KeyCacheStats {
        self.cache.figures()
    }

    /// Fails if the keys of the store were made with a different pepper than this gate's.
    pub async fn check_pepper(&self) -> Result<(), PepperError> {
        self.pepper.check().await
    }

    /// Like [`Gate::check_pepper`], for use before a secret is made. A store without keys records this gate's pepper.
    pub async fn claim_pepper(&self, keys: &dyn KeyStore) -> Result<(), PepperError> {
        self.pepper.claim(keys).await
    }

    /// Records the pepper in a store that has no record of it, once a key of the store was accepted here.
    pub async fn learn_pepper(&self) -> Result<(), PepperError> {
        self.pepper.learn().await
    }

    /// Collects the usage that was counted so far, to be written.
    pub fn collect_usage(&self) {
        self.usage.gather(self.clock.now());
    }

    /// Writes one batch of the collected usage, sized to take the store some ten milliseconds.
    ///
    /// Returns whether there was anything to write. A batch that fails is retried by the next call, and never counted
    /// twice.
    pub async fn write_usage(&self) -> StoreResult<bool> {
        self.usage.write(&*self.storage.usage).await
    }

    /// Writes the usage of one key, for a caller that is about to read it. Waits for at most one batch that is being
    /// written.
    pub async fn flush_usage_of(&self, key: KeyId) -> StoreResult<()> {
        self.collect_usage();
        self.usage.write_key(&*self.storage.usage, key).await
    }

    /// Returns the approximate number of usage counts that are not yet written. One count covers one key and one day.
    pub fn pending_usage(&self) -> usize {
        self.usage.waiting()
    }

    /// Returns whether the text contains a key or a ticket.
    pub fn is_secret_within(&self, text: &str) -> bool {
        self.format.is_within(text) || KeyFormat::tickets().is_within(text)
    }

    /// Fails if a client's metadata contains a key or a ticket: metadata is stored and shown as it is.
    pub fn check_metadata(&self, metadata: &Metadata) -> Result<(), AuthError> {
        // JSON escapes no character that a secret consists of, so a secret stands in the serialised text as it is.
        let holds_secret = self.is_secret_within(&metadata.to_string());
        if holds_secret { Err(AuthError::invalid("metadata", "must not hold a key")) } else { Ok(()) }
    }

    /// Returns the format of secrets.
    pub const fn format(&self) -> &KeyFormat {
        &self.format
    }

    /// Returns the name of the service, as its clients see it.
    pub const fn product(&self) -> &Product {
        &self.product
    }

    /// Returns the scopes that the deployment knows: those that its keys may be granted.
    pub fn scopes(&self) -> &KnownScopes {
        &self.scopes
    }

    /// Returns the digester of secrets.
    pub const fn digester(&self) -> &Digester {
        &self.digester
    }

    /// Returns how the limiter decides at present.
    pub fn limiter_mode(&self) -> LimiterMode {
        self.limiter.mode()
    }

    /// Returns the number of nodes that share the limits, as far as this node knows it; `None` if it counts by itself.
    pub fn limiter_nodes(&self) -> Option<NonZeroU32> {
        self.limiter.nodes()
    }

    /// Returns the number of requests that were decided since the start.
    pub fn totals(&self) -> GateTotals {
        let [total, refused] = &self.totals;
        GateTotals { total: total.sum(), refused: refused.sum() }
    }

    /// Returns the clock by which expiry is checked: this node's estimate of the store's time, based on the last
    /// reading.
    pub fn store_clock(&self) -> SharedClock {
        self.store_clock.clone()
    }

    /// Returns the store's time by [`Gate::store_clock`].
    pub fn now(&self) -> Timestamp {
        self.store_clock.now()
    }
}

mod principals;
mod storage;
#[cfg(test)]
mod tests;
mod unrecorded;
