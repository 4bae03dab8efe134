//! The circuit breaker of the engine.
//!
//! While the engine is unavailable, no job is tried on it, so that queued jobs do not use up their attempts.

use dalston_model::SharedClock;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long the breaker is open after the first failure. Each further failure doubles it, up to [`MAX_BACKOFF`].
const FIRST: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_mins(1);

/// Closed while the engine answers, open for some time after a failure, then half-open until the engine answers.
pub(super) struct CircuitBreaker {
    clock: SharedClock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Number of consecutive failures.
    failures: u32,
    /// When the breaker becomes half-open, by the monotonic clock; `None` while it is closed.
    open_until: Option<Duration>,
    /// Whether a job that was started half-open, the probe, has not ended yet.
    is_probing: bool,
}

impl CircuitBreaker {
    /// Creates a closed breaker.
    pub(super) fn new(clock: SharedClock) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// Records that the engine was unavailable: opens the breaker, for longer after each consecutive failure.
    ///
    /// Failures while it is open are ignored: they come from concurrent attempts and show the same outage.
    pub(super) fn record_failure(&self) {
        let now = self.clock.monotonic();
        let mut state = self.state();
        if state.open_until.is_some_and(|until| now < until) {
            return;
        }
        let open_for = FIRST.saturating_mul(1_u32.checked_shl(state.failures).unwrap_or(u32::MAX)).min(MAX_BACKOFF);
        state.failures = state.failures.saturating_add(1);
        state.open_until = Some(now + open_for);
        drop(state);
        tracing::warn!(
            event = "engine.unavailable",
            seconds = open_for.as_secs(),
            "the engine is unavailable: the circuit breaker opens"
        );
    }

    /// Records that the engine answered: closes the breaker.
    pub(super) fn record_success(&self) {
        *self.state() = State::default();
    }

    /// Returns the number of jobs that may start now: 0 while open, 1 while half-open unless the probe still runs,
    /// unlimited while closed. Jobs that were started before the breaker opened do not count.
    pub(super) fn allowed_starts(&self) -> u32 {
        let state = self.state();
        match state.open_until {
            None => u32::MAX,
            Some(until) if self.clock.monotonic() < until => 0,
            Some(_) => u32::from(!state.is_probing),
        }
    }

    /// Records that a job has started. While half-open it is the probe.
    pub(super) fn job_started(&self) {
        let now = self.clock.monotonic();
        let mut state = self.state();
        state.is_probing = state.open_until.is_some_and(|until| until <= now);
    }

    /// Records that a job has ended, whatever its outcome: another probe may start.
    pub(super) fn job_ended(&self) {
        self.state().is_probing = false;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dalston_model::{Clock, ManualClock, Timestamp};
    use std::sync::Arc;

    const MOMENT: Duration = Duration::from_micros(1);

    fn breaker() -> (CircuitBreaker, Arc<ManualClock>) {
        let clock = ManualClock::new(Timestamp::from_secs(0));
        (CircuitBreaker::new(clock.clone()), clock)
    }

    /// Advances the clock until the breaker is half-open. Returns how long it was open.
    fn open_for(breaker: &CircuitBreaker, clock: &ManualClock) -> Duration {
        let began = clock.monotonic();
        while breaker.allowed_starts() == 0 {
            clock.advance(Duration::from_millis(500));
        }
        clock.monotonic().saturating_sub(began)
    }

    #[test]
    fn it_opens_with_a_failure_and_is_half_open_once_its_time_has_passed() {
        let (breaker, clock) = breaker();
        clock.advance(Duration::from_hours(1));
        assert_eq!(breaker.allowed_starts(), u32::MAX);
        breaker.record_failure();
        assert_eq!(breaker.allowed_starts(), 0);
        clock.advance(FIRST.saturating_sub(MOMENT));
        assert_eq!(breaker.allowed_starts(), 0);
        clock.advance(MOMENT);
        assert_eq!(breaker.allowed_starts(), 1);
        clock.advance(Duration::from_hours(1));
        assert_eq!(breaker.allowed_starts(), 1, "time alone does not close it");
    }

    #[test]
    fn it_closes_with_a_success_and_forgets_the_failures() {
        let (breaker, clock) = breaker();
        for _ in 0..3 {
            breaker.record_failure();
            open_for(&breaker, &clock);
        }
        breaker.record_success();
        assert_eq!(breaker.allowed_starts(), u32::MAX);
        breaker.record_failure();
        assert_eq!(open_for(&breaker, &clock), FIRST);
        breaker.record_failure();
        breaker.record_success();
        assert_eq!(breaker.allowed_starts(), u32::MAX, "an attempt that began before it opened may succeed");
    }

    #[test]
    fn each_further_failure_opens_it_for_twice_as_long_up_to_a_minute() {
        let (breaker, clock) = breaker();
        let seconds = [1, 2, 4, 8, 16, 32, 60, 60];
        for seconds in seconds.into_iter().chain([60; 32]) {
            breaker.record_failure();
            assert_eq!(open_for(&breaker, &clock), Duration::from_secs(seconds));
        }
    }

    #[test]
    fn failures_at_the_same_time_count_as_one() {
        let (breaker, clock) = breaker();
        for _ in 0..5 {
            breaker.record_failure();
        }
        clock.advance(FIRST.saturating_sub(MOMENT));
        breaker.record_failure();
        assert_eq!(open_for(&breaker, &clock), Duration::from_millis(500), "it is open no longer for that");
        breaker.record_failure();
        assert_eq!(open_for(&breaker, &clock), 2 * FIRST);
    }

    #[test]
    fn one_probe_runs_at_a_time_beside_jobs_from_before() {
        let (breaker, clock) = breaker();
        breaker.job_started();
        breaker.record_failure();
        open_for(&breaker, &clock);
        assert_eq!(breaker.allowed_starts(), 1, "a job from before is no probe");
        breaker.job_started();
        clock.advance(Duration::from_hours(1));
        assert_eq!(breaker.allowed_starts(), 0, "the probe still runs");
        breaker.job_ended();
        assert_eq!(breaker.allowed_starts(), 1, "its outcome says nothing about the engine");
        breaker.job_started();
        breaker.record_failure();
        breaker.job_ended();
        open_for(&breaker, &clock);
        assert_eq!(breaker.allowed_starts(), 1);
        breaker.job_started();
        breaker.record_success();
        assert_eq!(breaker.allowed_starts(), u32::MAX);
    }

    #[test]
    fn a_step_of_the_wall_clock_neither_opens_nor_closes_it() {
        let (breaker, clock) = breaker();
        breaker.record_failure();
        clock.set(Timestamp::from_secs(-86_400));
        assert_eq!(breaker.allowed_starts(), 0);
        clock.advance(FIRST);
        assert_eq!(breaker.allowed_starts(), 1);
    }
}
