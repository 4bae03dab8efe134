//! Distributed rate limiter: takes tokens from the store or from token leases, and falls back to this node's share of
//! the limit while the store does not answer.

use crate::{
    CounterTiming, CounterUnavailable, LimiterMode, LocalLimiter, OutagePolicy, RateLimitDecision, SharedCounter,
    breaker::CounterBreaker, known_place::KnownPlace, lease_table::LeaseTable, leased_tokens::LeasedTokens,
    local_ledger::LocalLedger,
};
use dalston_model::{KeyId, NodeId, RateLimit, SharedClock};
use dalston_store::{Acquired, LimitStore, StoreError, StoreResult};
use futures_util::{StreamExt as _, future::join, stream};
use std::{num::NonZeroU32, sync::Arc, time::Duration};

/// Maximum number of concurrent calls that renew leases or send reports.
const CALLS: usize = 8;
/// Attempts for one request. The second is made only if the counter answered other calls while the first was under way.
const TRIES: usize = 2;

/// The rate limiter of one node, which shares the limits with other nodes.
pub(crate) struct DistributedLimiter {
    clock: SharedClock,
    store: Arc<dyn LimitStore>,
    node: NodeId,
    outage: OutagePolicy,
    breaker: CounterBreaker,
    place: KnownPlace,
    /// All requests that this node admitted, by whatever means.
    local: LocalLimiter,
    /// Requests that this node admitted without the counter.
    local_admissions: LocalLedger,
    leases: Option<LeaseTable>,
}

impl DistributedLimiter {
    pub(crate) fn new(clock: SharedClock, SharedCounter { store, node, nodes, rates, outage }: SharedCounter) -> Self {
        let leases = match rates {
            CounterTiming::Shared => None,
            CounterTiming::Leased(entropy) => Some(LeaseTable::new(clock.clone(), entropy)),
        };
        Self {
            clock,
            store,
            node,
            outage,
            breaker: CounterBreaker::new(),
            place: KnownPlace::new(nodes),
            local: LocalLimiter::new(),
            local_admissions: LocalLedger::new(),
            leases,
        }
    }

    /// Decides from leased tokens, or from this node's share while the circuit breaker is open. `None` if the store
    /// must decide.
    pub(crate) fn try_take(&self, key: KeyId, limit: RateLimit, now: Duration) -> Option<RateLimitDecision> {
        if let Some(leases) = &self.leases {
            let answer = leases.take(key, limit, now);
            if answer.unreported > 0 {
                self.local.note(key, answer.unreported, now);
            }
            if answer.verdict.is_some() {
                return answer.verdict;
            }
        }
        if self.breaker.blocks_calls(now) { self.share(key, limit, now).ok() } else { None }
    }

    pub(crate) async fn take(&self, key: KeyId, limit: RateLimit) -> Result<RateLimitDecision, CounterUnavailable> {
        if let Some(verdict) = self.try_take(key, limit, self.now()) {
            return Ok(verdict);
        }
        for _ in 0..TRIES {
            if !self.breaker.may_call(self.now()) {
                break;
            }
            if let Ok(verdict) = self.ask(key, limit).await {
                return Ok(verdict);
            }
        }
        self.share(key, limit, self.now())
    }

    /// Takes a token from the counter. While the breaker is open, it first registers this node: losing the reply to a
    /// registration costs no key anything.
    async fn ask(&self, key: KeyId, limit: RateLimit) -> StoreResult<RateLimitDecision> {
        if self.breaker.is_open() {
            self.enlist().await?;
        }
        if !self.local_admissions.is_empty(self.now()) {
            self.report(key).await?;
        }
        match &self.leases {
            Some(leases) => self.lease(leases, key, limit).await,
            None => Ok(RateLimitDecision::new(self.one(key, limit).await?, limit)),
        }
    }

    /// Takes a token from a new lease, or a single token if the key does not use enough for a lease.
    async fn lease(&self, leases: &LeaseTable, key: KeyId, limit: RateLimit) -> StoreResult<RateLimitDecision> {
        if leases.want(key, limit, self.nodes()).is_some() {
            let lock_for_call = leases.lock_for_call(key).await;
            // The caller that held the lock before may have obtained a lease, or opened the circuit breaker.
            if let Some(verdict) = self.try_take(key, limit, self.now()) {
                return Ok(verdict);
            }
            if self.breaker.is_open() {
                return Err(StoreError::unavailable("the counter does not answer"));
            }
            if let Some(want) = leases.want(key, limit, self.nodes()) {
                self.call(leases.call(&*self.store, key, Some((want, limit)))).await?;
                drop(lock_for_call);
                if let Some(verdict) = self.try_take(key, limit, self.now()) {
                    return Ok(verdict);
                }
            }
        }
        // Release leftover leases first: tokens leased under a higher limit, or for a key that has slowed down, must
        // not take the room of this request.
        if leases.with_tokens(key, LeasedTokens::collect) == Some(true) {
            let _turn = leases.lock_for_call(key).await;
            self.call(leases.call(&*self.store, key, None)).await?;
        }
        let taken = self.one(key, limit).await?;
        leases.with_tokens(key, |with_tokens, at| with_tokens.taken(taken, at));
        Ok(RateLimitDecision::new(taken, limit))
    }

    /// Takes one token from the counter. If the reply is lost, the counter may have counted the token: then one request
    /// less is admitted.
    async fn one(&self, key: KeyId, limit: RateLimit) -> StoreResult<Acquired> {
        let taken = self.call(self.store.take(key, limit)).await?;
        // Tokens granted by the counter count against this node's share if the counter fails within the minute.
        if taken.admitted {
            self.local.note(key, 1, self.now());
        }
        Ok(taken)
    }

    /// Takes a token of this node's share, if it has a share. All requests that it admitted in the window count against
    /// it.
    fn share(&self, key: KeyId, limit: RateLimit, now: Duration) -> Result<RateLimitDecision, CounterUnavailable> {
        let share = match self.outage {
            OutagePolicy::Share => self.place.share(limit),
            OutagePolicy::Strict => 0,
        };
        let share = RateLimit::new(share).map_err(|_| CounterUnavailable)?;
        let taken = self.local.take(key, share, now);
        if taken.admitted {
            self.local_admissions.note(key, now);
        }
        Ok(RateLimitDecision::new(taken, share))
    }

    /// Reports to the counter what this node admitted locally for a key.
    async fn report(&self, key: KeyId) -> StoreResult<()> {
        let local_admissions = self.local_admissions.report(key, self.now());
        if !local_admissions.is_empty() {
            self.call(self.store.report(key, self.node, &local_admissions)).await?;
        }
        self.local_admissions.reported(key, &local_admissions, self.now());
        Ok(())
    }

    /// Registers this node with the counter, and stores the place that it receives.
    pub(crate) async fn enlist(&self) -> StoreResult<()> {
        let place = self.call(self.store.enlist(self.node, self.place.turn())).await?;
        self.place.placed(place, self.now());
        Ok(())
    }

    /// One round of background work: registers this node when due, reports local admissions, renews leases that are
    /// running low, and releases the rest of expired ones.
    pub(crate) async fn refill(&self) {
        join(self.register(), self.fetch_all()).await;
        if !self.breaker.is_open() {
            self.report_all().await;
            self.settle_all(false).await;
        }
    }

    /// Shutdown: reports local admissions, releases all leases, and deregisters this node.
    pub(crate) async fn release(&self) {
        if self.breaker.is_open() {
            return;
        }
        self.report_all().await;
        self.settle_all(true).await;
        // Stay registered while recent local admissions still count: if the other nodes were cut off, they would not
        // know of them. Their shares then grow only when this registration expires.
        if self.local_admissions.is_empty(self.now()) {
            let _ = self.call(self.store.delist(self.node)).await;
        }
    }

    /// Registers when due, or to probe a counter that failed.
    async fn register(&self) {
        let now = self.now();
        if (self.breaker.is_open() || self.place.is_due(now)) && self.breaker.may_call(now) {
            let _ = self.enlist().await;
        }
    }

    /// Renews the leases that are running low.
    async fn fetch_all(&self) {
        let Some(leases) = &self.leases else { return };
        stream::iter(leases.needs_refill())
            .for_each_concurrent(CALLS, |(key, limit)| self.fetch(leases, key, limit))
            .await;
    }

    /// Reports local admissions. A report that fails is retried in the next round.
    async fn report_all(&self) {
        let reports = stream::iter(self.local_admissions.owing());
        reports.for_each_concurrent(CALLS, async |key| drop(self.report(key).await)).await;
    }

    /// Releases the rest of expired leases, or of all leases.
    async fn settle_all(&self, all: bool) {
        let Some(leases) = &self.leases else { return };
        stream::iter(leases.held(all))
            .for_each_concurrent(CALLS, async |key| {
                let owes = leases.with_tokens(key, |with_tokens, at| {
                    (if all { with_tokens.close() } else { with_tokens.collect(at) }, with_tokens.unreported())
                });
                self.settle(leases, key, owes).await;
            })
            .await;
    }

    /// Waits until a lease is running low.
    pub(crate) async fn needs_refill(&self) {
        match &self.leases {
            Some(leases) => leases.wake.notified().await,
            None => std::future::pending().await,
        }
    }

    /// Requests the next lease of a key.
    async fn fetch(&self, leases: &LeaseTable, key: KeyId, limit: RateLimit) {
        if let Some(want) = leases.want(key, limit, self.nodes()).filter(|_| !self.breaker.is_open()) {
            let _turn = leases.lock_for_call(key).await;
            let _ = self.call(leases.call(&*self.store, key, Some((want, limit)))).await;
        } else {
            leases.with_tokens(key, |with_tokens, _| with_tokens.spared());
        }
    }

    /// Releases the rest of a key's leases if there is any, and counts the tokens spent from them in this node's
    /// window.
    async fn settle(&self, leases: &LeaseTable, key: KeyId, owes: Option<(bool, u32)>) {
        let Some((owes, unreported)) = owes else { return };
        if unreported > 0 {
            self.local.note(key, unreported, self.now());
        }
        let _turn = leases.lock_for_call(key).await;
        if owes && let Err(error) = self.call(leases.call(&*self.store, key, None)).await {
            tracing::debug!(
                event = "limit.release_failed",
                %error,
                "could not return the rest of a token lease: it goes with the next call"
            );
        }
    }

    /// Runs a call of the counter, and updates the circuit breaker with its result.
    async fn call<T>(&self, call: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
        let sent = self.now();
        let answer = call.await;
        let now = self.now();
        match &answer {
            Ok(_) => self.breaker.answered(now),
            Err(error) if self.breaker.failed(sent, now) => {
                tracing::warn!(
                    event = "limit.counter_unavailable",
                    %error,
                    outage = self.outage.as_str(),
                    "the shared rate limit counter does not answer"
                );
            }
            Err(error) => {
                tracing::debug!(event = "limit.call_failed", %error, "a call of the shared rate limit counter failed");
            }
        }
        answer
    }

    /// How this node decides at present.
    pub(crate) fn mode(&self) -> LimiterMode {
        match &self.leases {
            _ if self.breaker.is_open() || self.local_admissions.owes() => LimiterMode::Degraded,
            Some(_) => LimiterMode::Leased,
            None => LimiterMode::Shared,
        }
    }

    /// The number of nodes as far as this node knows it.
    pub(crate) fn nodes(&self) -> Option<NonZeroU32> {
        self.place.nodes()
    }

    fn now(&self) -> Duration {
        self.clock.monotonic()
    }
}
