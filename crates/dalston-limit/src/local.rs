//! Rate limiter of one process: sliding windows in memory.

use crate::{
    Window,
    shards::{ShardEntry, Shards},
};
use dalston_model::{KeyId, RateLimit};
use dalston_store::Acquired;
use std::time::Duration;

/// The windows of the keys that were used in the last minutes.
pub struct LocalLimiter(Shards<Window>);

impl ShardEntry for Window {
    fn is_idle(&self, now: Duration) -> bool {
        Self::is_idle(self, now)
    }
}

impl LocalLimiter {
    /// An empty limiter.
    pub fn new() -> Self {
        Self(Shards::new())
    }

    /// Admits a request of the key at `now`, on the monotonic clock, if fewer than `limit` requests count.
    pub fn take(&self, key: KeyId, limit: RateLimit, now: Duration) -> Acquired {
        self.0.with(key, now, |window| window.take(now, limit))
    }

    /// Counts requests that were admitted by other means.
    pub fn note(&self, key: KeyId, units: u32, now: Duration) {
        self.0.with(key, now, |window| window.note(now, units));
    }
}

impl Default for LocalLimiter {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dalston_model::{SeededEntropy, Timestamp};

    #[test]
    fn windows_of_keys_that_rest_are_swept() {
        let (limiter, entropy) = (LocalLimiter::new(), SeededEntropy::new(1));
        let limit = RateLimit::new(1).unwrap();
        let mut now = Duration::from_secs(1_000);
        for _ in 0..20 {
            for _ in 0..20_000 {
                limiter.take(KeyId::new(Timestamp::from_secs(1_700_000_000), &entropy).unwrap(), limit, now);
            }
            now += Duration::from_mins(2);
        }
        let held = limiter.0.len();
        assert!(held < 80_000, "{held}");
    }

    #[test]
    fn parallel_takes_admit_exactly_the_limit() {
        let (limiter, entropy) = (LocalLimiter::new(), SeededEntropy::new(2));
        let now = Duration::from_secs(1_000);
        let key = KeyId::new(Timestamp::from_secs(1_700_000_000), &entropy).unwrap();
        let limit = RateLimit::new(100).unwrap();
        let admitted: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| (0..50).filter(|_| limiter.take(key, limit, now).admitted).count()))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(admitted, 100);
    }
}
