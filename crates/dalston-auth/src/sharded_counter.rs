//! A counter without contention between threads.

use std::{
    cell::Cell,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
};

/// Number of shards. If there are more threads, some share a shard.
const STRIPES: usize = 16;

/// A counter that is the sum of one shard per thread.
#[derive(Default)]
pub(crate) struct ShardedCounter([CounterShard; STRIPES]);

/// A shard, on a cache line of its own to avoid false sharing.
#[derive(Default)]
#[repr(align(128))]
struct CounterShard(AtomicU64);

impl ShardedCounter {
    /// Adds one.
    pub(crate) fn add_one(&self) {
        self.0[stripe()].0.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the sum of all shards.
    pub(crate) fn sum(&self) -> u64 {
        self.0.iter().map(|stripe| stripe.0.load(Ordering::Relaxed)).sum()
    }
}

/// Returns the index of this thread's shard.
fn stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static MINE: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    let mine = MINE.get();
    if mine < STRIPES {
        return mine;
    }
    let mine = NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES;
    MINE.set(mine);
    mine
}
