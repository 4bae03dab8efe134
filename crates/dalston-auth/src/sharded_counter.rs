//! A counter that threads do not fight for.

use std::{
    cell::Cell,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
};

/// Threads beyond so many share.
const STRIPES: usize = 16;

/// A sum of one counter for each thread.
#[derive(Default)]
pub(crate) struct ShardedCounter([CounterShard; STRIPES]);

/// On cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
struct CounterShard(AtomicU64);

impl ShardedCounter {
    /// Counts one.
    pub(crate) fn add_one(&self) {
        self.0[stripe()].0.fetch_add(1, Ordering::Relaxed);
    }

    /// All that was counted.
    pub(crate) fn sum(&self) -> u64 {
        self.0.iter().map(|stripe| stripe.0.load(Ordering::Relaxed)).sum()
    }
}

/// The stripe of this thread.
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
