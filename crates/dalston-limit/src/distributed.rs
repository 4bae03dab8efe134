//! Counting over several nodes: by the store, or out of slices that it lent, with a share of one's own while it does not
//! answer.

use crate::{
    CounterTiming, CounterUnavailable, LimiterMode, LocalLimiter, OutagePolicy, RateLimitDecision, SharedCounter,
    breaker::CounterBreaker, known_place::KnownPlace, lease_table::LeaseTable, leased_tokens::LeasedTokens,
    local_ledger::LocalLedger,
};
use dalston_model::{KeyId, NodeId, RateLimit, SharedClock};
use dalston_store::{Acquired, LimitStore, StoreError, StoreResult};
use futures_util::{StreamExt as _, future::join, stream};
use std::{num::NonZeroU32, sync::Arc, time::Duration};

/// Calls at once for slices ahead of need, and for reports.
const CALLS: usize = 8;
/// A request asks a second time if the counter answered others while the first call was under way.
const TRIES: usize = 2;

/// This node among those that share the limits.
pub(crate) struct DistributedLimiter {
    clock: SharedClock,
    store: Arc<dyn LimitStore>,
    node: NodeId,
    outage: OutagePolicy,
    breaker: CounterBreaker,
    standing: KnownPlace,
    /// What this node admitted, by whatever means.
    local: LocalLimiter,
    /// What it admitted without the counter.
    alone: LocalLedger,
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
            standing: KnownPlace::new(nodes),
            local: LocalLimiter::new(),
            alone: LocalLedger::new(),
            leases,
        }
    }

    /// Decides by what is in hand, or by this node's share while the counter is left alone.
    pub(crate) fn try_take(&self, key: KeyId, limit: RateLimit, now: Duration) -> Option<RateLimitDecision> {
        if let Some(leases) = &self.leases {
            let answer = leases.take(key, limit, now);
            if answer.unnoted > 0 {
                self.local.note(key, answer.unnoted, now);
            }
            if answer.verdict.is_some() {
                return answer.verdict;
            }
        }
        if self.breaker.record_failures_open(now) { self.share(key, limit, now).ok() } else { None }
    }

    pub(crate) async fn take(&self, key: KeyId, limit: RateLimit) -> Result<RateLimitDecision, CounterUnavailable> {
        if let Some(verdict) = self.try_take(key, limit, self.now()) {
            return Ok(verdict);
        }
        for _ in 0..TRIES {
            if !self.breaker.lets_ask(self.now()) {
                break;
            }
            if let Ok(verdict) = self.ask(key, limit).await {
                return Ok(verdict);
            }
        }
        self.share(key, limit, self.now())
    }

    /// Asks the counter. One that did not answer before is tried with a registration, which costs no key anything if its
    /// answer is lost.
    async fn ask(&self, key: KeyId, limit: RateLimit) -> StoreResult<RateLimitDecision> {
        if self.breaker.is_open() {
            self.enlist().await?;
        }
        if !self.alone.is_empty(self.now()) {
            self.report(key).await?;
        }
        match &self.leases {
            Some(leases) => self.lease(leases, key, limit).await,
            None => Ok(RateLimitDecision::new(self.one(key, limit).await?, limit)),
        }
    }

    /// Takes a unit out of a new slice, or by itself when the key is not worth one.
    async fn lease(&self, leases: &LeaseTable, key: KeyId, limit: RateLimit) -> StoreResult<RateLimitDecision> {
        if leases.want(key, limit, self.nodes()).is_some() {
            let turn = leases.turn(key).await;
            // Whoever had the turn before may have brought a slice, or found that the counter does not answer.
            if let Some(verdict) = self.try_take(key, limit, self.now()) {
                return Ok(verdict);
            }
            if self.breaker.is_open() {
                return Err(StoreError::unavailable("the counter does not answer"));
            }
            if let Some(want) = leases.want(key, limit, self.nodes()) {
                self.call(leases.call(&*self.store, key, Some((want, limit)))).await?;
                drop(turn);
                if let Some(verdict) = self.try_take(key, limit, self.now()) {
                    return Ok(verdict);
                }
            }
        }
        // What was in hand under a higher limit, or of a key that is slower now, is not to be in the way of this one.
        if leases.purse(key, LeasedTokens::collect) == Some(true) {
            let _turn = leases.turn(key).await;
            self.call(leases.call(&*self.store, key, None)).await?;
        }
        let taken = self.one(key, limit).await?;
        leases.purse(key, |purse, at| purse.taken(taken, at));
        Ok(RateLimitDecision::new(taken, limit))
    }

    /// Asks the counter for one unit. If the answer is lost, the unit may count there all the same: one less is admitted.
    async fn one(&self, key: KeyId, limit: RateLimit) -> StoreResult<Acquired> {
        let taken = self.call(self.store.take(key, limit)).await?;
        // What this node admitted counts against its share, should the counter not answer within the minute.
        if taken.admitted {
            self.local.note(key, 1, self.now());
        }
        Ok(taken)
    }

    /// Takes a unit of this node's share, if it has one: what it admitted in the window by whatever means counts.
    fn share(&self, key: KeyId, limit: RateLimit, now: Duration) -> Result<RateLimitDecision, CounterUnavailable> {
        let share = match self.outage {
            OutagePolicy::Share => self.standing.share(limit),
            OutagePolicy::Strict => 0,
        };
        let share = RateLimit::new(share).map_err(|_| CounterUnavailable)?;
        let taken = self.local.take(key, share, now);
        if taken.admitted {
            self.alone.note(key, now);
        }
        Ok(RateLimitDecision::new(taken, share))
    }

    /// Reports what this node admitted alone of a key.
    async fn report(&self, key: KeyId) -> StoreResult<()> {
        let alone = self.alone.report(key, self.now());
        if !alone.is_empty() {
            self.call(self.store.report(key, self.node, &alone)).await?;
        }
        self.alone.reported(key, &alone, self.now());
        Ok(())
    }

    /// Registers this node, and learns its place.
    pub(crate) async fn enlist(&self) -> StoreResult<()> {
        let place = self.call(self.store.enlist(self.node, self.standing.turn())).await?;
        self.standing.placed(place, self.now());
        Ok(())
    }

    /// Registers when it is time, reports what was admitted alone, asks for slices that are due, and gives back what is
    /// left of those that are over.
    pub(crate) async fn refill(&self) {
        join(self.register(), self.fetch_all()).await;
        if !self.breaker.is_open() {
            self.report_all().await;
            self.settle_all(false).await;
        }
    }

    /// Reports and gives back all that is left, and leaves the list.
    pub(crate) async fn release(&self) {
        if self.breaker.is_open() {
            return;
        }
        self.report_all().await;
        self.settle_all(true).await;
        // What it admitted alone a moment ago the others do not know should they be cut off: then their shares grow when
        // its registration lapses.
        if self.alone.is_empty(self.now()) {
            let _ = self.call(self.store.delist(self.node)).await;
        }
    }

    /// Registers when it is time, or to see whether the counter answers again.
    async fn register(&self) {
        let now = self.now();
        if (self.breaker.is_open() || self.standing.is_due(now)) && self.breaker.lets_ask(now) {
            let _ = self.enlist().await;
        }
    }

    /// Asks for the slices that are due.
    async fn fetch_all(&self) {
        let Some(leases) = &self.leases else { return };
        stream::iter(leases.needs_refill())
            .for_each_concurrent(CALLS, |(key, limit)| self.fetch(leases, key, limit))
            .await;
    }

    /// Reports what was admitted alone. What fails is reported the next time.
    async fn report_all(&self) {
        let reports = stream::iter(self.alone.owing());
        reports.for_each_concurrent(CALLS, async |key| drop(self.report(key).await)).await;
    }

    /// Gives back what is left of slices that are over, or of all.
    async fn settle_all(&self, all: bool) {
        let Some(leases) = &self.leases else { return };
        stream::iter(leases.held(all))
            .for_each_concurrent(CALLS, async |key| {
                let owes = leases
                    .purse(key, |purse, at| (if all { purse.close() } else { purse.collect(at) }, purse.unnoted()));
                self.settle(leases, key, owes).await;
            })
            .await;
    }

    /// Waits until a slice is due.
    pub(crate) async fn needs_refill(&self) {
        match &self.leases {
            Some(leases) => leases.wake.notified().await,
            None => std::future::pending().await,
        }
    }

    /// Asks for the next slice of a key.
    async fn fetch(&self, leases: &LeaseTable, key: KeyId, limit: RateLimit) {
        if let Some(want) = leases.want(key, limit, self.nodes()).filter(|_| !self.breaker.is_open()) {
            let _turn = leases.turn(key).await;
            let _ = self.call(leases.call(&*self.store, key, Some((want, limit)))).await;
        } else {
            leases.purse(key, |purse, _| purse.spared());
        }
    }

    /// Gives back what is left of slices of a key, if something is owed, and counts what was spent of them in this
    /// node's window.
    async fn settle(&self, leases: &LeaseTable, key: KeyId, owes: Option<(bool, u32)>) {
        let Some((owes, unnoted)) = owes else { return };
        if unnoted > 0 {
            self.local.note(key, unnoted, self.now());
        }
        let _turn = leases.turn(key).await;
        if owes && let Err(error) = self.call(leases.call(&*self.store, key, None)).await {
            tracing::debug!(
                event = "limit.release_failed",
                %error,
                "could not return the rest of a token lease: it goes with the next call"
            );
        }
    }

    /// A call of the counter: what it says of whether there is one.
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

    /// How it decides at the moment.
    pub(crate) fn mode(&self) -> LimiterMode {
        match &self.leases {
            _ if self.breaker.is_open() || self.alone.owes() => LimiterMode::Degraded,
            Some(_) => LimiterMode::Leased,
            None => LimiterMode::Shared,
        }
    }

    /// How many nodes there are, as far as this one knows.
    pub(crate) fn nodes(&self) -> Option<NonZeroU32> {
        self.standing.nodes()
    }

    fn now(&self) -> Duration {
        self.clock.monotonic()
    }
}
