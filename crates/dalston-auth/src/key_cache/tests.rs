//! The key cache over a store with one key, which can be slow, outdated or unavailable.

use super::*;
use async_trait::async_trait;
use dalston_model::{Clock as _, KeyId, KeyScopes, ManualClock, Metadata, SeededEntropy, TenantId, Timestamp};
use dalston_store::{KeyWithUse, StoreError};
use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU32},
    },
    task::{Context, Poll, Waker},
};

const SECOND: Duration = Duration::from_secs(1);
const DIGEST: KeyDigest = KeyDigest::new([7; 32]);
const OTHER: KeyDigest = KeyDigest::new([8; 32]);
/// Stands for a key whose changes have no numbers.
const NO_NUMBER: u64 = u64::MAX;

/// A store with one key behind one digest. It can simulate an outage.
struct OneKey {
    clock: Arc<ManualClock>,
    key: Mutex<Key>,
    reads: AtomicU32,
    changed: AtomicU64,
    tells_all: bool,
    is_slow: AtomicBool,
    is_down: AtomicBool,
}

fn away<T>() -> StoreResult<T> {
    Err(StoreError::unavailable("away"))
}

#[async_trait]
impl KeyLookup for OneKey {
    async fn find_key(&self, digest: &KeyDigest) -> StoreResult<Option<FoundKey>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let found = FoundKey {
            key: self.key(),
            secret_expires_at: None,
            now: self.clock.now(),
            changed: Some(self.changed.load(Ordering::SeqCst)).filter(|changed| *changed != NO_NUMBER),
        };
        let is_ready = |_: &mut Context<'_>| {
            if self.is_slow.load(Ordering::SeqCst) { Poll::Pending } else { Poll::Ready(()) }
        };
        poll_fn(is_ready).await;
        if self.is_down.load(Ordering::SeqCst) { away() } else { Ok((*digest == DIGEST).then_some(found)) }
    }

    fn records_all_changes(&self) -> bool {
        self.tells_all
    }

    async fn key(&self, _: &TenantId, _: KeyId) -> StoreResult<Option<KeyWithUse>> {
        away()
    }
}

impl OneKey {
    fn key(&self) -> Key {
        self.key.lock().unwrap().clone()
    }

    fn reads(&self) -> u32 {
        self.reads.load(Ordering::SeqCst)
    }
}

/// A key cache that has just read the change feed.
fn fixture(stale: bool) -> (Arc<KeyCache>, Arc<OneKey>, Arc<ManualClock>) {
    fixture_of(stale, true)
}

fn fixture_of(stale: bool, tells_all: bool) -> (Arc<KeyCache>, Arc<OneKey>, Arc<ManualClock>) {
    let clock = ManualClock::new(Timestamp::from_secs(1_700_000_000));
    let key = Key {
        id: KeyId::new(clock.now(), &SeededEntropy::new(1)).unwrap(),
        tenant: TenantId::default(),
        prefix: "dk_0123456".to_owned(),
        name: "one".parse().unwrap(),
        description: None,
        scopes: KeyScopes::DEFAULT,
        rate_limit: None,
        enabled: true,
        created_at: clock.now(),
        created_by: None,
        expires_at: None,
        revoked_at: None,
        metadata: Metadata::default(),
    };
    let store = Arc::new(OneKey {
        clock: clock.clone(),
        key: Mutex::new(key),
        reads: AtomicU32::new(0),
        changed: AtomicU64::new(3),
        tells_all,
        is_slow: AtomicBool::new(false),
        is_down: AtomicBool::new(false),
    });
    let memory = KeyCacheConfig { stale, ..KeyCacheConfig::default() };
    let cache = KeyCache::new(store.clone(), clock.clone(), Arc::default(), memory);
    read_changes(&cache);
    (cache, store, clock)
}

fn read_changes(cache: &KeyCache) {
    cache.freshness.checkpoint_reached(3);
    cache.freshness.feed_read(cache.now());
}

fn poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Returns the result of a lookup that does not have to wait.
fn ask(cache: &Arc<KeyCache>, digest: &KeyDigest) -> StoreResult<Option<Arc<CachedKey>>> {
    if let Some(cached_key) = cache.get(digest, cache.clock.monotonic()) {
        return Ok(Some(cached_key));
    }
    match poll(pin!(cache.find(digest))) {
        Poll::Ready(found) => found,
        Poll::Pending => panic!("the store is slow"),
    }
}

fn is_live(cache: &Arc<KeyCache>) -> bool {
    ask(cache, &DIGEST).unwrap().is_some()
}

#[test]
fn a_key_is_read_once_and_then_answered_from_memory() {
    let (cache, store, _) = fixture(false);
    for _ in 0..10 {
        assert!(is_live(&cache));
    }
    let figures = cache.figures();
    assert_eq!((store.reads(), figures.keys, figures.hits, figures.misses), (1, 1, 9, 1));
}

#[test]
fn a_change_that_is_heard_or_made_here_is_obeyed_at_once() {
    let (cache, store, clock) = fixture(false);
    assert!(is_live(&cache));
    store.key.lock().unwrap().revoked_at = Some(clock.now());
    cache.freshness.changed(store.key().id);
    assert!(!is_live(&cache));
    store.key.lock().unwrap().revoked_at = None;
    assert!(is_live(&cache), "a key that is not live is not remembered");
    cache.freshness.flush();
    assert!(cache.get(&DIGEST, clock.monotonic()).is_none(), "anything may have changed");
}

#[test]
fn a_change_that_is_not_heard_is_obeyed_when_the_bound_is_over() {
    let (cache, store, clock) = fixture(false);
    assert!(is_live(&cache));
    store.key.lock().unwrap().enabled = false;
    clock.advance(SECOND.checked_sub(Duration::from_micros(1)).unwrap());
    assert!(is_live(&cache), "the bound is what the node promises");
    clock.advance(Duration::from_micros(1));
    assert!(!is_live(&cache));
    assert!(!is_live(&cache));
    assert_eq!(store.reads(), 3, "each request asks");
}

#[test]
fn a_step_of_the_wall_clock_makes_no_answer_older_or_younger() {
    let (cache, store, clock) = fixture(false);
    assert!(is_live(&cache));
    clock.set(Timestamp::from_secs(1_600_000_000));
    assert!(is_live(&cache));
    assert_eq!(store.reads(), 1);
    clock.advance(SECOND);
    store.key.lock().unwrap().enabled = false;
    assert!(!is_live(&cache), "the bound is over");
}

#[test]
fn a_key_ends_by_the_clock_of_the_store_whatever_is_in_memory() {
    let (cache, store, clock) = fixture(false);
    store.key.lock().unwrap().expires_at = Some(clock.now().plus(SECOND * 10));
    assert!(is_live(&cache));
    clock.advance((SECOND * 10).saturating_sub(Duration::from_micros(1)));
    read_changes(&cache);
    assert!(is_live(&cache));
    assert_eq!(store.reads(), 1);
    clock.advance(Duration::from_micros(1));
    read_changes(&cache);
    assert!(!is_live(&cache));
}

#[test]
fn what_was_read_before_a_change_was_heard_is_not_kept_after_it() {
    let (cache, store, _) = fixture(false);
    store.is_slow.store(true, Ordering::SeqCst);
    let mut overtaken = Box::pin(cache.find(&DIGEST));
    assert!(poll(overtaken.as_mut()).is_pending());
    store.key.lock().unwrap().enabled = false;
    cache.freshness.changed(store.key().id);
    // This lookup began after the change was known, so it must not use the result of the earlier read.
    let mut later = Box::pin(cache.find(&DIGEST));
    assert!(poll(later.as_mut()).is_pending());
    store.is_slow.store(false, Ordering::SeqCst);
    assert!(matches!(poll(overtaken.as_mut()), Poll::Ready(Ok(Some(_)))), "it came before the change");
    assert!(matches!(poll(later.as_mut()), Poll::Ready(Ok(None))), "REV-06");
    assert!(!is_live(&cache));
}

#[test]
fn what_the_record_has_not_told_of_is_not_kept() {
    let (cache, store, _) = fixture(false);
    store.changed.store(4, Ordering::SeqCst);
    assert!(is_live(&cache) && is_live(&cache));
    assert_eq!(store.reads(), 2, "a fail-over may take change 4 back");
    cache.freshness.changed(store.key().id);
    cache.freshness.checkpoint_reached(4);
    assert!(is_live(&cache) && is_live(&cache));
    assert_eq!(store.reads(), 3);
}

#[test]
fn a_store_that_others_write_to_is_asked_anew_within_the_bound() {
    let (cache, store, clock) = fixture_of(false, false);
    assert!(is_live(&cache) && is_live(&cache));
    assert_eq!(store.reads(), 1);
    store.key.lock().unwrap().enabled = false;
    clock.advance(SECOND);
    read_changes(&cache);
    assert!(!is_live(&cache), "though nothing was heard of the change");
}

#[test]
fn a_key_whose_changes_have_no_numbers_is_cached_where_the_store_says_that_it_records_none() {
    for (tells_all, reads) in [(false, 1), (true, 3)] {
        let (cache, store, clock) = fixture_of(false, tells_all);
        store.changed.store(NO_NUMBER, Ordering::SeqCst);
        assert!(is_live(&cache) && is_live(&cache) && is_live(&cache));
        assert_eq!(store.reads(), reads, "{tells_all}");
        store.key.lock().unwrap().enabled = false;
        clock.advance(SECOND);
        read_changes(&cache);
        assert!(!is_live(&cache), "{tells_all}");
    }
}

#[test]
fn a_thousand_that_miss_at_once_cost_one_read_and_outlive_the_first() {
    let (cache, store, _) = fixture(false);
    store.is_slow.store(true, Ordering::SeqCst);
    let mut waiting: Vec<_> = (0..1_000).map(|_| Box::pin(cache.find(&DIGEST))).collect();
    for one in &mut waiting {
        assert!(poll(one.as_mut()).is_pending());
    }
    drop(waiting.remove(0));
    store.is_slow.store(false, Ordering::SeqCst);
    for one in &mut waiting {
        assert!(matches!(poll(one.as_mut()), Poll::Ready(Ok(Some(_)))));
    }
    assert_eq!(store.reads(), 1, "CACHE-03");
}

#[test]
fn an_outage_is_neither_a_refusal_nor_remembered() {
    let (cache, store, clock) = fixture(false);
    store.is_down.store(true, Ordering::SeqCst);
    assert!(ask(&cache, &DIGEST).is_err() && ask(&cache, &OTHER).is_err());
    store.is_down.store(false, Ordering::SeqCst);
    assert!(is_live(&cache));
    store.is_down.store(true, Ordering::SeqCst);
    assert!(is_live(&cache), "from memory");
    clock.advance(SECOND);
    assert!(ask(&cache, &DIGEST).is_err());
}

#[test]
fn memory_may_be_as_old_again_while_the_store_is_away_if_that_is_wanted() {
    let (cache, store, clock) = fixture(true);
    assert!(is_live(&cache));
    clock.advance(SECOND * 3 / 2);
    let reads = store.reads();
    assert!(is_live(&cache));
    assert_eq!(store.reads(), reads + 1, "the store is asked first");
    store.is_down.store(true, Ordering::SeqCst);
    clock.advance(SECOND / 4);
    assert!(is_live(&cache), "two seconds have not passed");
    clock.advance(SECOND / 4);
    assert!(ask(&cache, &DIGEST).is_err(), "now they have");
    store.is_down.store(false, Ordering::SeqCst);
    read_changes(&cache);
    assert!(is_live(&cache));
    clock.advance(SECOND * 3 / 2);
    store.is_down.store(true, Ordering::SeqCst);
    cache.freshness.changed(store.key().id);
    assert!(ask(&cache, &DIGEST).is_err(), "a change always wins");
}

#[test]
fn an_unknown_secret_is_remembered_for_a_second_and_until_the_first_change() {
    let (cache, store, clock) = fixture(false);
    let unknown = || ask(&cache, &OTHER).unwrap().is_none();
    assert!(unknown() && unknown());
    assert_eq!(store.reads(), 1);
    cache.freshness.changed(store.key().id);
    assert!(unknown() && unknown());
    assert_eq!(store.reads(), 2, "CACHE-02");
    clock.advance(SECOND);
    read_changes(&cache);
    assert!(unknown() && unknown());
    assert_eq!(store.reads(), 3);
    assert_eq!(cache.figures().keys, 0);
}

#[test]
fn those_that_were_not_used_for_longest_go_first() {
    let clock = ManualClock::new(Timestamp::from_secs(1_700_000_000));
    let entries = bounded(100);
    let (_, store, _) = fixture(false);
    let cache = KeyCache::new(store.clone(), clock, Arc::default(), KeyCacheConfig::default());
    for number in 0..10_000_u32 {
        let mut digest = [0; 32];
        digest[..4].copy_from_slice(&number.to_be_bytes());
        entries.insert(KeyDigest::new(digest), cache.uncached(&store.key()));
    }
    assert!(entries.len() <= 100, "{}", entries.len());
}
