//! What admitting a request costs when its key is in memory, and what its parts cost: the clocks, the shape of the
//! secret, the digest, the limiter. Then with a million keys, and at two threads on different keys.

#![expect(clippy::expect_used, reason = "a bench that cannot begin ends")]

#[path = "keys.rs"]
mod keys;

use criterion::{Criterion, criterion_group, criterion_main};
use dalston_auth::{Digester, Gate, GateStep, KeyFormat, PlainKey, Requirement};
use dalston_limit::Limiter;
use dalston_model::{Clock, KeyDigest, KeyId, OsEntropy, RateLimit, Scope, SystemClock, Timestamp};
use keys::attempt;
use std::{
    hint::black_box,
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};
use tokio::runtime::{Builder, Runtime};

const MILLION: usize = 1_000_000;

/// A monotonic clock that runs a thousand times as fast, so that a bench does not run into the limit.
struct Hasty;

impl Clock for Hasty {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    fn monotonic(&self) -> Duration {
        SystemClock.monotonic() * 1_000
    }
}

/// A gate with keys that are all in memory.
struct Fixture {
    gate: Arc<Gate>,
    secrets: Vec<PlainKey>,
}

impl Fixture {
    fn new(tokio: &Runtime, keys: usize) -> Self {
        let clock = Arc::new(Hasty);
        let limit = RateLimit::new(RateLimit::MAX).ok();
        let (gate, secrets) = tokio.block_on(async {
            let (gate, secrets) = keys::gate(clock, keys, limit).await;
            for secret in &secrets {
                gate.authenticate(attempt(secret), Requirement::Caller).await.expect("a live key");
            }
            (gate, secrets)
        });
        Self { gate, secrets }
    }

    fn digest(&self, index: usize) -> KeyDigest {
        self.gate.digester().digest(&self.secrets[index])
    }

    fn admit(&self, index: usize) -> bool {
        let secret = &self.secrets[index % self.secrets.len()];
        matches!(
            self.gate.try_authenticate_cached(&attempt(secret), Requirement::Scope(Scope::JobsRead)),
            GateStep::Decided(Ok(_))
        )
    }
}

fn parts(bench: &mut Criterion) {
    let (format, digester, clock) = (KeyFormat::default(), Digester::new(None), SystemClock);
    let secret = format.mint(&OsEntropy).expect("chance");
    bench.bench_function("the wall clock", |bench| bench.iter(|| clock.now()));
    bench.bench_function("the monotonic clock", |bench| bench.iter(|| clock.monotonic()));
    bench.bench_function("the shape of a secret", |bench| {
        bench.iter(|| format.check(black_box(secret.expose().as_bytes())).is_some());
    });
    bench.bench_function("the digest of a secret", |bench| bench.iter(|| digester.digest(black_box(&secret))));
    let limiter = Limiter::new(Arc::new(SystemClock), None);
    let (id, limit) =
        (KeyId::new(clock.now(), &OsEntropy).expect("chance"), RateLimit::new(RateLimit::MAX).expect("in range"));
    bench.bench_function("a unit of the limiter", |bench| {
        bench.iter(|| limiter.try_take(black_box(id), limit, Hasty.monotonic()));
    });
}

fn admit(bench: &mut Criterion) {
    let tokio = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let few = Fixture::new(&tokio, 64);
    bench.bench_function("admit: one key with a limit", |bench| bench.iter(|| few.admit(black_box(0))));
    let mut next = 0;
    bench.bench_function("admit: 64 keys in turn", |bench| {
        bench.iter(|| {
            next += 1;
            few.admit(next)
        });
    });
    for threads in [1, 2] {
        // What two threads can do here at all: processors may share a core.
        bench.bench_function(&format!("digest: {threads} threads, time per digest of each"), |bench| {
            bench.iter_custom(|rounds| side_by_side(threads, rounds, |key| few.digest(key * 32)));
        });
        bench.bench_function(
            &format!("admit: {threads} threads, each its own key, time per request of each"),
            |bench| {
                bench.iter_custom(|rounds| side_by_side(threads, rounds, |key| few.admit(key * 32)));
            },
        );
    }
    let many = Fixture::new(&tokio, MILLION);
    bench.bench_function("admit: a million keys in no order", |bench| {
        bench.iter(|| {
            // A generator that visits all of them.
            next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            many.admit(next >> 20)
        });
    });
}

/// How long `threads` take that each do `rounds` times what is done with a key of their own.
fn side_by_side<T>(threads: usize, rounds: u64, work: impl Fn(usize) -> T + Sync) -> Duration {
    let (start, clock) = (Barrier::new(threads), SystemClock);
    thread::scope(|scope| {
        let run = |key: usize| {
            let (start, work) = (&start, &work);
            move || {
                start.wait();
                let began = clock.monotonic();
                for _ in 0..rounds {
                    black_box(work(black_box(key)));
                }
                clock.monotonic().saturating_sub(began)
            }
        };
        let running: Vec<_> = (0..threads).map(|thread| scope.spawn(run(thread))).collect();
        running.into_iter().map(|thread| thread.join().expect("a thread")).max().unwrap_or_default()
    })
}

criterion_group!(benches, parts, admit);
criterion_main!(benches);
