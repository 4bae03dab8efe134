//! Sliding window counter of one key. Pure arithmetic; Postgres and Redis compute the same (see
//! `dalston_store::LimitStore`).

use dalston_model::RateLimit;
use dalston_store::Acquired;
use std::time::Duration;

/// Length of the window: the whole seconds that count in addition to the current one.
const WINDOW: i64 = RateLimit::WINDOW_SECONDS as i64;
/// The current second and the `WINDOW` before it cover every window that ends now.
const SLOTS: usize = RateLimit::WINDOW_SECONDS as usize + 1;

/// The admitted requests of the last 61 seconds, with one count per second. `now` is always the time of a monotonic
/// clock, so that a step of the wall clock neither blocks nor admits requests.
#[derive(Debug, Clone)]
pub struct Window {
    newest: i64,
    /// The oldest second that has a count; `newest` if none has.
    oldest: i64,
    total: u32,
    counts: [u32; SLOTS],
}

impl Default for Window {
    fn default() -> Self {
        Self { newest: i64::MIN, oldest: i64::MIN, total: 0, counts: [0; SLOTS] }
    }
}

impl Window {
    /// Admits a request at `now` if fewer than `limit` requests count.
    pub fn take(&mut self, now: Duration, limit: RateLimit) -> Acquired {
        self.move_to(second(now));
        let admitted = self.total < limit.get();
        if admitted {
            self.count(1);
        }
        // Time to report: after an admission, until the oldest request expires; after a refusal, until enough have
        // expired that the count is below the limit.
        let keep = if admitted { self.total.saturating_sub(1) } else { limit.get().saturating_sub(1) };
        Acquired { admitted, used: self.total, frees_in: self.retry_after(now, keep) }
    }

    /// Counts requests that were admitted by other means.
    pub fn note(&mut self, now: Duration, units: u32) {
        self.move_to(second(now));
        self.count(units);
    }

    /// Whether nothing counts any more at `now`.
    pub fn is_idle(&self, now: Duration) -> bool {
        second(now).saturating_sub(self.newest) > WINDOW
    }

    /// Makes `second` the newest, and drops the counts that have expired. An earlier `second` changes nothing: a thread
    /// may read the clock first and arrive last, and its request counts in the newest second.
    fn move_to(&mut self, second: i64) {
        if second <= self.newest {
            return;
        }
        self.newest = second;
        let first = second.saturating_sub(WINDOW);
        if self.total == 0 {
            self.oldest = second;
        }
        // All counts lie between the oldest and the newest second, so the loop visits each once, whatever the clock
        // does.
        while self.oldest < first && self.total > 0 {
            self.total = self.total.saturating_sub(std::mem::take(&mut self.counts[slot(self.oldest)]));
            self.oldest = self.oldest.saturating_add(1);
        }
        while self.total > 0 && self.counts[slot(self.oldest)] == 0 {
            self.oldest = self.oldest.saturating_add(1);
        }
        if self.total == 0 {
            self.oldest = second;
        }
    }

    fn count(&mut self, units: u32) {
        let count = &mut self.counts[slot(self.newest)];
        *count = count.saturating_add(units);
        self.total = self.total.saturating_add(units);
    }

    /// The time after `now` until at most `keep` requests count.
    fn retry_after(&self, now: Duration, keep: u32) -> Duration {
        let mut left = self.total;
        for second in self.oldest..=self.newest {
            left = left.saturating_sub(self.counts[slot(second)]);
            if left <= keep {
                let end = u64::try_from(second.saturating_add(WINDOW).saturating_add(1)).unwrap_or_default();
                return Duration::from_secs(end).saturating_sub(now);
            }
        }
        Duration::ZERO
    }
}

fn second(now: Duration) -> i64 {
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

fn slot(second: i64) -> usize {
    usize::try_from(second.rem_euclid(WINDOW.saturating_add(1))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn micros(micros: i64) -> Duration {
        Duration::from_micros(u64::try_from(micros).unwrap())
    }

    fn limit(per_minute: u32) -> RateLimit {
        RateLimit::new(per_minute).unwrap()
    }

    /// The maximum number of requests in any half-open window of 60 seconds that begins at a request.
    fn densest(admitted: &[i64]) -> usize {
        let within = |from: &i64| admitted.iter().filter(|at| (*from..*from + 60_000_000).contains(*at)).count();
        admitted.iter().map(within).max().unwrap_or(0)
    }

    #[test]
    fn a_burst_up_to_the_limit_is_admitted_and_no_more() {
        let mut window = Window::default();
        let now = Duration::from_millis(1_700_000_000_900);
        for used in 1..=5 {
            let taken = window.take(now, limit(5));
            assert_eq!((taken.admitted, taken.used), (true, used));
        }
        let refused = window.take(now, limit(5));
        assert_eq!((refused.admitted, refused.used), (false, 5));
        assert_eq!(refused.frees_in, Duration::from_millis(60_100));
        assert!(
            !window
                .take(now.saturating_add(refused.frees_in.saturating_sub(Duration::from_micros(1))), limit(5))
                .admitted
        );
        assert!(window.take(now.saturating_add(refused.frees_in), limit(5)).admitted);
    }

    #[test]
    fn a_lowered_limit_waits_until_enough_have_gone() {
        let mut window = Window::default();
        let start = Duration::from_secs(1_700_000_000);
        for second in 0..10 {
            assert!(window.take(start.saturating_add(Duration::from_secs(second)), limit(10)).admitted);
        }
        let now = start.saturating_add(Duration::from_secs(10));
        let refused = window.take(now, limit(3));
        assert!(!refused.admitted);
        assert!(
            !window
                .take(now.saturating_add(refused.frees_in.saturating_sub(Duration::from_micros(1))), limit(3))
                .admitted
        );
        assert!(window.take(now.saturating_add(refused.frees_in), limit(3)).admitted);
    }

    #[test]
    fn a_thread_that_read_the_clock_earlier_admits_no_more() {
        let mut window = Window::default();
        let now = Duration::from_secs(1_000);
        assert!(window.take(now, limit(1)).admitted);
        let earlier = now.saturating_sub(Duration::from_millis(1));
        let refused = window.take(earlier, limit(1));
        assert!(!refused.admitted);
        assert!(window.take(earlier.saturating_add(refused.frees_in), limit(1)).admitted);
    }

    proptest! {
        #[test]
        fn no_window_of_sixty_seconds_holds_more_than_the_limit(
            per_minute in 1_u32..40,
            gaps in prop::collection::vec(0_i64..9_000_000, 1..400),
        ) {
            let mut window = Window::default();
            let (mut now, mut admitted) = (1_700_000_000_000_000, Vec::new());
            for gap in gaps {
                now += gap;
                if window.take(micros(now), limit(per_minute)).admitted {
                    admitted.push(now);
                }
            }
            prop_assert!(densest(&admitted) <= per_minute as usize);
        }

        #[test]
        fn a_refused_request_costs_nothing(
            per_minute in 1_u32..20,
            gaps in prop::collection::vec(0_i64..5_000_000, 1..200),
        ) {
            let (mut eager, mut calm) = (Window::default(), Window::default());
            let mut now = 1_700_000_000_000_000;
            for gap in gaps {
                now += gap;
                let at = micros(now);
                let taken = eager.take(at, limit(per_minute));
                if taken.admitted {
                    prop_assert!(calm.take(at, limit(per_minute)).admitted);
                }
                prop_assert_eq!(eager.total, { calm.move_to(second(at)); calm.total });
            }
        }

        #[test]
        fn steady_traffic_at_95_percent_is_never_refused(per_minute in 1_u32..2_000, phase in 0_i64..1_000_000) {
            let mut window = Window::default();
            let interval = 60_000_000.0 / (0.95 * f64::from(per_minute));
            for request in 0..per_minute * 4 {
                #[expect(clippy::cast_possible_truncation, reason = "microseconds of four minutes")]
                let after = (f64::from(request) * interval) as i64;
                let at = micros(1_700_000_000_000_000 + phase + after);
                prop_assert!(window.take(at, limit(per_minute)).admitted, "request {request}");
            }
        }

        #[test]
        fn after_frees_in_the_next_request_is_admitted_and_not_before(
            per_minute in 1_u32..20,
            gaps in prop::collection::vec(0_i64..4_000_000, 20..120),
        ) {
            let mut window = Window::default();
            let mut now = 1_700_000_000_000_000;
            for gap in gaps {
                now += gap;
                let at = micros(now);
                let taken = window.take(at, limit(per_minute));
                if !taken.admitted {
                    let early = at.saturating_add(taken.frees_in.saturating_sub(Duration::from_micros(1)));
                    prop_assert!(!window.clone().take(early, limit(per_minute)).admitted);
                    prop_assert!(window.clone().take(at.saturating_add(taken.frees_in), limit(per_minute)).admitted);
                }
            }
        }
    }
}
