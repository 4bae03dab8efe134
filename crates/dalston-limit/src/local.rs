//! The limiter of one node: windows in memory.

use crate::Window;
use dalston_model::{KeyId, RateLimit, Timestamp};
use dalston_store::Taken;
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Requests of different keys seldom wait for one another.
const SHARDS: u64 = 16;
/// A shard of fewer windows is not worth a sweep.
const SWEEP_FLOOR: usize = 256;

/// Windows of the keys that were used in the last minutes. Those that are idle are swept whenever their number has
/// doubled, so memory follows the number of keys in use.
pub struct LocalLimiter {
    shards: Vec<Mutex<Shard>>,
}

#[derive(Default)]
struct Shard {
    windows: HashMap<KeyId, Window>,
    sweep_at: usize,
}

impl LocalLimiter {
    /// Without any window.
    pub fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }

    /// Takes one unit for the key at `now` when fewer than `limit` count.
    pub fn take(&self, key: KeyId, limit: RateLimit, now: Timestamp) -> Taken {
        self.shard(key).window(key, now).take(now, limit)
    }

    /// Counts a request that the shared counter admitted.
    pub fn note(&self, key: KeyId, now: Timestamp) {
        self.shard(key).window(key, now).note(now);
    }

    /// How many requests of the key count at `now`, and how long until the oldest does not.
    pub fn count(&self, key: KeyId, now: Timestamp) -> (u32, Duration) {
        self.shard(key).windows.get_mut(&key).map_or((0, Duration::ZERO), |window| window.count_at(now))
    }

    fn shard(&self, key: KeyId) -> MutexGuard<'_, Shard> {
        // The last bits of a UUIDv7 are random.
        let index = key.as_uuid().as_u64_pair().1.checked_rem(SHARDS).unwrap_or_default();
        lock(&self.shards[usize::try_from(index).unwrap_or_default()])
    }
}

impl Default for LocalLimiter {
    fn default() -> Self {
        Self::new()
    }
}

impl Shard {
    fn window(&mut self, key: KeyId, now: Timestamp) -> &mut Window {
        if self.windows.len() >= self.sweep_at.max(SWEEP_FLOOR) && !self.windows.contains_key(&key) {
            self.windows.retain(|_, window| !window.is_idle(now));
            self.sweep_at = self.windows.len().saturating_mul(2);
        }
        self.windows.entry(key).or_default()
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dalston_model::SeededEntropy;

    #[test]
    fn windows_of_keys_that_rest_are_swept() {
        let (limiter, entropy) = (LocalLimiter::new(), SeededEntropy::new(1));
        let limit = RateLimit::new(1).unwrap();
        let mut now = Timestamp::from_secs(1_700_000_000);
        for _ in 0..20 {
            for _ in 0..5_000 {
                limiter.take(KeyId::new(now, &entropy).unwrap(), limit, now);
            }
            now = now.plus(Duration::from_mins(2));
        }
        let held: usize = limiter.shards.iter().map(|shard| lock(shard).windows.len()).sum();
        assert!(held < 20_000, "{held}");
    }

    #[test]
    fn parallel_takes_admit_exactly_the_limit() {
        let (limiter, entropy) = (LocalLimiter::new(), SeededEntropy::new(2));
        let now = Timestamp::from_secs(1_700_000_000);
        let key = KeyId::new(now, &entropy).unwrap();
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
