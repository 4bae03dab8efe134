//! Which cache keeps the live keys: a look-up among a million, at one thread and at two, in the three that were weighed.

use criterion::{Criterion, criterion_group, criterion_main};
use dalston_model::{Clock, SystemClock};
use std::{
    hint::black_box,
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

const KEYS: u64 = 1_000_000;

type Digest = [u8; 32];

/// The digest of a number: as random as a hash, and cheaper.
fn digest(number: u64) -> Digest {
    let mut digest = [0; 32];
    for (at, chunk) in digest.chunks_exact_mut(8).enumerate() {
        let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(u32::try_from(at).unwrap_or(0) * 16);
        chunk.copy_from_slice(&mixed.to_le_bytes());
    }
    digest
}

fn lookups(bench: &mut Criterion) {
    let capacity = usize::try_from(KEYS).unwrap_or(usize::MAX);
    let quick = quick_cache::sync::Cache::new(2 * capacity);
    let moka = moka::sync::Cache::new(2 * KEYS);
    let papaya = papaya::HashMap::with_capacity(capacity);
    for number in 0..KEYS {
        let (digest, value) = (digest(number), Arc::new(number));
        quick.insert(digest, value.clone());
        moka.insert(digest, value.clone());
        papaya.pin().insert(digest, value);
    }
    for threads in [1, 2] {
        compare(bench, threads, "quick_cache", |digest| quick.get(digest).is_some());
        compare(bench, threads, "moka", |digest| moka.get(digest).is_some());
        compare(bench, threads, "papaya, which forgets nothing", |digest| papaya.pin().get(digest).cloned().is_some());
    }
}

fn compare(bench: &mut Criterion, threads: usize, name: &str, get: impl Fn(&Digest) -> bool + Sync) {
    bench.bench_function(&format!("{threads} threads, time per look-up of each: {name}"), |bench| {
        bench.iter_custom(|rounds| side_by_side(threads, rounds, &get));
    });
}

/// How long `threads` take that each look up `rounds` keys in an order of their own.
fn side_by_side(threads: usize, rounds: u64, get: &(impl Fn(&Digest) -> bool + Sync)) -> Duration {
    let (start, clock) = (Barrier::new(threads), SystemClock);
    thread::scope(|scope| {
        let run = |seed: u64| {
            let start = &start;
            move || {
                start.wait();
                let (began, mut next) = (clock.monotonic(), seed);
                for _ in 0..rounds {
                    next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    black_box(get(&digest((next >> 20) % KEYS)));
                }
                clock.monotonic().saturating_sub(began)
            }
        };
        let running: Vec<_> = (0..threads).zip(1..).map(|(_, seed)| scope.spawn(run(seed))).collect();
        running.into_iter().filter_map(|thread| thread.join().ok()).max().unwrap_or_default()
    })
}

criterion_group!(benches, lookups);
criterion_main!(benches);
