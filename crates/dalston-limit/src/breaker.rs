//! Circuit breaker for calls of the shared counter.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

/// How long the breaker stays open after a failure. Meanwhile no request waits for the counter.
pub(crate) const OPEN_FOR: Duration = Duration::from_secs(1);

const CLOSED: i64 = i64::MIN;

/// The circuit breaker. It opens when a call fails and no reply has arrived since that call was sent: a counter that
/// answered other calls meanwhile is slow, not down. When the open period is over, one call at a time probes the
/// counter. Times are monotonic.
pub(crate) struct CounterBreaker {
    /// Until when the breaker stays open, in microseconds.
    until: AtomicI64,
    /// When the last reply arrived, in microseconds.
    last_reply: AtomicI64,
}

impl CounterBreaker {
    /// A closed breaker.
    pub(crate) const fn new() -> Self {
        Self { until: AtomicI64::new(CLOSED), last_reply: AtomicI64::new(i64::MIN) }
    }

    /// Whether no reply has arrived since the last failure.
    pub(crate) fn is_open(&self) -> bool {
        self.until.load(Ordering::Relaxed) != CLOSED
    }

    /// Whether calls are blocked at `now`.
    pub(crate) fn blocks_calls(&self, now: Duration) -> bool {
        self.until.load(Ordering::Relaxed) > micros(now)
    }

    /// Whether the caller may call the counter. After each open period, one caller gets `true` and probes the counter.
    pub(crate) fn may_call(&self, now: Duration) -> bool {
        let (until, now, order) = (self.until.load(Ordering::Relaxed), micros(now), Ordering::Relaxed);
        let next = now.saturating_add(micros(OPEN_FOR));
        until == CLOSED || (until <= now && self.until.compare_exchange(until, next, order, order).is_ok())
    }

    /// Records a reply, and closes the breaker.
    pub(crate) fn answered(&self, now: Duration) {
        self.last_reply.fetch_max(micros(now), Ordering::Relaxed);
        self.until.store(CLOSED, Ordering::Relaxed);
    }

    /// Records that a call sent at `sent` has failed. Returns whether this opened the breaker.
    pub(crate) fn failed(&self, sent: Duration, now: Duration) -> bool {
        if self.last_reply.load(Ordering::Relaxed) > micros(sent) {
            return false;
        }
        self.until.swap(micros(now.saturating_add(OPEN_FOR)), Ordering::Relaxed) == CLOSED
    }
}

/// A duration in microseconds.
pub(crate) fn micros(time: Duration) -> i64 {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    seconds.saturating_mul(1_000_000).saturating_add(i64::from(time.subsec_micros()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Duration = Duration::from_secs(100);
    const LATER: Duration = Duration::from_secs(102);

    #[test]
    fn a_failure_without_an_answer_opens_it_and_one_at_a_time_tries_again() {
        let breaker = CounterBreaker::new();
        assert!(breaker.may_call(AT) && breaker.failed(AT, LATER) && breaker.is_open());
        assert!(breaker.blocks_calls(LATER) && !breaker.may_call(LATER));
        let next = LATER + OPEN_FOR;
        assert!(!breaker.blocks_calls(next) && breaker.may_call(next));
        assert!(breaker.blocks_calls(next) && !breaker.may_call(next), "somebody else tries");
        assert!(!breaker.failed(next, next), "it was open");
        breaker.answered(next + OPEN_FOR);
        assert!(!breaker.is_open() && breaker.may_call(next + OPEN_FOR));
    }

    #[test]
    fn a_counter_that_answers_others_meanwhile_is_only_slow() {
        let breaker = CounterBreaker::new();
        breaker.answered(AT);
        assert!(!breaker.failed(AT.saturating_sub(OPEN_FOR), LATER) && !breaker.is_open());
        assert!(breaker.failed(AT, LATER), "nothing was heard since it was sent");
    }
}
