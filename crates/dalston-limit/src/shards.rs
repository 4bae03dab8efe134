//! What is kept of each key in use, in parts that do not disturb one another.

use dalston_model::KeyId;
use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hash, Hasher},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Requests of different keys seldom wait for one another.
const SHARDS: u64 = 64;
/// A shard of fewer keys is not worth a sweep.
const SWEEP_FLOOR: usize = 256;
/// The bits of a hash that choose the shard: neither the low ones, which choose the place in its map, nor the seven
/// high ones, which the map looks at first.
const SHARD_BITS: u32 = 48;
/// 2^64 over the golden ratio, odd: spreads the random bits of an id over all of the hash.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// What is kept of a key.
pub(crate) trait ShardEntry: Default {
    /// Whether nothing is lost when it is forgotten at `now`, by the monotonic clock.
    fn is_idle(&self, now: Duration) -> bool;
}

/// A value for each key that was used in the last minutes. Those that are idle are swept whenever their number has
/// doubled, so memory follows the number of keys in use.
pub(crate) struct Shards<T>(Vec<Shard<T>>);

/// Two processors that work on neighbours share no line of their caches, nor the pair that is fetched together.
#[repr(align(128))]
#[derive(Default)]
struct Shard<T>(Mutex<ShardKeys<T>>);

#[derive(Default)]
struct ShardKeys<T> {
    values: HashMap<KeyId, T, BuildHasherDefault<IdHasher>>,
    sweep_at: usize,
}

impl<T: ShardEntry> Shards<T> {
    /// Without any key.
    pub(crate) fn new() -> Self {
        Self(
            (0..SHARDS)
                .map(|_| Shard(Mutex::new(ShardKeys { values: HashMap::default(), sweep_at: SWEEP_FLOOR })))
                .collect(),
        )
    }

    /// What `work` makes of the key's value, which is new where there was none.
    pub(crate) fn with<R>(&self, key: KeyId, now: Duration, work: impl FnOnce(&mut T) -> R) -> R {
        let mut keys = self.lock(key);
        if let Some(value) = keys.values.get_mut(&key) {
            return work(value);
        }
        keys.make_room(now);
        work(keys.values.entry(key).or_default())
    }

    /// What `work` makes of the key's value, if there is one.
    pub(crate) fn find<R>(&self, key: KeyId, work: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.lock(key).values.get_mut(&key).map(work)
    }

    /// How many parts there are.
    pub(crate) fn parts(&self) -> usize {
        self.0.len()
    }

    /// The part in which the key is.
    pub(crate) fn part(&self, key: KeyId) -> usize {
        let mut hasher = IdHasher::default();
        key.hash(&mut hasher);
        let hash = usize::try_from(hasher.finish() >> SHARD_BITS).unwrap_or_default();
        hash.checked_rem(self.0.len()).unwrap_or_default()
    }

    fn lock(&self, key: KeyId) -> MutexGuard<'_, ShardKeys<T>> {
        self.0[self.part(key)].0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many keys it knows.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(|shard| shard.0.lock().unwrap().values.len()).sum()
    }
}

impl<T: ShardEntry> ShardKeys<T> {
    fn make_room(&mut self, now: Duration) {
        if self.values.len() >= self.sweep_at {
            self.values.retain(|_, value| !value.is_idle(now));
            self.sweep_at = self.values.len().saturating_mul(2).max(SWEEP_FLOOR);
        }
    }
}

/// Hashes ids, which are random already and made here, so that nobody can choose those that meet.
#[derive(Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
            self.0 = (u64::from_be_bytes(*first).rotate_left(32) ^ u64::from_be_bytes(*last)).wrapping_mul(SPREAD);
        }
    }

    /// The length of an id says nothing.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dalston_model::{SeededEntropy, Timestamp};
    use std::collections::HashSet;

    #[test]
    fn ids_are_spread_over_shards_and_places() {
        let entropy = SeededEntropy::new(1);
        let hashes: HashSet<u64> = (0..10_000)
            .map(|_| {
                let mut hasher = IdHasher::default();
                KeyId::new(Timestamp::from_secs(1_700_000_000), &entropy).unwrap().hash(&mut hasher);
                hasher.finish()
            })
            .collect();
        assert_eq!(hashes.len(), 10_000);
        for (what, shift) in [("shard", SHARD_BITS), ("place", 0), ("tag", 57)] {
            let mut groups = [0; 64];
            for hash in &hashes {
                groups[usize::try_from((hash >> shift) % 64).unwrap()] += 1;
            }
            // 156 each, with a deviation of 12.
            assert!(groups.iter().all(|count| (90..230).contains(count)), "{what}: {groups:?}");
        }
    }
}
