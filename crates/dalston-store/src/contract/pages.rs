//! Pages: newest first in a total order, with no row repeated or skipped.

use super::{
    Fixture,
    handle::{StoreHandle, page},
};
use dalston_model::{Cursor, Key, KeyId, Start, TenantId, Timestamp};
use std::{collections::HashSet, time::Duration};

/// Inserts a key that was created at `at`.
async fn key_at(handle: &StoreHandle, at: Timestamp) -> Key {
    let mut new = handle.new_key();
    new.key.created_at = at;
    handle.insert(&new).await;
    new.key
}

/// Inserts seven keys in arbitrary order, three of them of the same microsecond. Returns them newest first.
async fn some_keys(handle: &StoreHandle) -> Vec<Key> {
    let mut keys = Vec::new();
    for micros in [3, 1_000_000, 2, 2, 0, 2, 1] {
        keys.push(key_at(handle, handle.now().plus(Duration::from_micros(micros))).await);
    }
    keys.sort_by_key(|key| std::cmp::Reverse((key.created_at, key.id.to_string())));
    keys
}

async fn list(handle: &StoreHandle, items: u32, start: Start) -> (Vec<Key>, Option<Cursor>) {
    let part = handle.store.keys(&TenantId::default(), &page(items, start), false).await.unwrap();
    (part.items.into_iter().map(|used| used.key).collect(), part.next)
}

fn cursor(key: &Key) -> Cursor {
    Cursor { created_at: key.created_at, id: key.id.to_string() }
}

/// Walks all keys of `default`, `items` per page, and runs `between` after each page.
pub(super) async fn walk(handle: &StoreHandle, items: u32, between: impl AsyncFn()) -> Vec<KeyId> {
    let (mut walked, mut start) = (Vec::new(), Start::Newest);
    loop {
        let (part, next) = list(handle, items, start).await;
        walked.extend(part.iter().map(|key| key.id));
        assert!(walked.len() < 1_000, "it does not end");
        between().await;
        match next {
            Some(cursor) => start = Start::After(cursor),
            None => return walked,
        }
    }
}

pub async fn newest_is_first_and_equal_times_go_by_id(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let keys = some_keys(&handle).await;
    assert_eq!(list(&handle, 100, Start::Newest).await, (keys, None));
}

pub async fn a_walk_by_cursor_sees_every_key_once(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let ids: Vec<_> = some_keys(&handle).await.iter().map(|key| key.id).collect();
    for items in 1..=8 {
        assert_eq!(walk(&handle, items, async || ()).await, ids, "{items} a page");
    }
}

pub async fn a_page_knows_whether_there_is_another(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    assert_eq!(list(&handle, 1, Start::Newest).await, (Vec::new(), None));
    let keys = some_keys(&handle).await;
    assert_eq!(list(&handle, 6, Start::Newest).await, (keys[..6].to_vec(), Some(cursor(&keys[5]))));
    assert_eq!(list(&handle, 7, Start::Newest).await, (keys.clone(), None));
    assert_eq!(list(&handle, 1, Start::After(cursor(&keys[5]))).await, (keys[6..].to_vec(), None));
    assert_eq!(list(&handle, 5, Start::After(cursor(&keys[6]))).await, (Vec::new(), None));
}

pub async fn an_offset_skips_the_newest(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let keys = some_keys(&handle).await;
    assert_eq!(list(&handle, 2, Start::Offset(0)).await, (keys[..2].to_vec(), Some(cursor(&keys[1]))));
    assert_eq!(list(&handle, 2, Start::Offset(3)).await, (keys[3..5].to_vec(), Some(cursor(&keys[4]))));
    assert_eq!(list(&handle, 2, Start::Offset(5)).await, (keys[5..].to_vec(), None));
    assert_eq!(list(&handle, 2, Start::Offset(10_000)).await, (Vec::new(), None));
}

pub async fn a_cursor_outlives_its_item(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let keys = some_keys(&handle).await;
    handle.revoke(&keys[3]).await;
    assert_eq!(list(&handle, 100, Start::After(cursor(&keys[3]))).await.0, keys[4..]);
}

pub async fn a_cursor_of_another_list_is_no_outage(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let keys = some_keys(&handle).await;
    // A time between two items, so that only the time decides.
    let between = Timestamp::from_micros(keys[0].created_at.as_micros() - 1);
    for id in [format!("job_{}", "0".repeat(32)), "x".to_owned(), "-".repeat(64), keys[0].id.to_string()] {
        let start = Start::After(Cursor { created_at: between, id });
        assert_eq!(list(&handle, 100, start.clone()).await.0, keys[1..]);
        handle.store.tenants(&page(9, start)).await.unwrap();
    }
    for created_at in [Timestamp::from_micros(i64::MAX), Timestamp::from_micros(i64::MIN)] {
        let start = Start::After(Cursor { created_at, id: "x".to_owned() });
        let expected = if created_at > handle.now() { &keys[..] } else { &[] };
        assert_eq!(list(&handle, 100, start).await.0, expected);
    }
}

pub async fn insertions_neither_repeat_nor_skip_a_row(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let before: HashSet<_> = some_keys(&handle).await.iter().map(|key| key.id).collect();
    let (newest, middle) = (handle.now().plus(Duration::from_secs(9)), handle.now().plus(Duration::from_micros(2)));
    let walked = walk(&handle, 2, async || {
        if handle.seq().await < 20 {
            key_at(&handle, newest).await;
            key_at(&handle, middle).await;
        }
    })
    .await;
    let seen: HashSet<_> = walked.iter().copied().collect();
    assert_eq!(seen.len(), walked.len(), "a row twice");
    assert!(seen.is_superset(&before), "a row never");
}

pub async fn revoked_keys_are_listed_only_when_asked_for(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let keys = some_keys(&handle).await;
    handle.revoke(&keys[0]).await;
    handle.revoke(&keys[4]).await;
    let (shown, next) = list(&handle, 4, Start::Newest).await;
    assert_eq!(shown, [&keys[1], &keys[2], &keys[3], &keys[5]].map(Key::clone));
    assert_eq!(list(&handle, 4, Start::After(next.unwrap())).await, (keys[6..].to_vec(), None));
    assert_eq!(list(&handle, 1, Start::Offset(4)).await.0, keys[6..], "an offset skips what is shown");
    let all = handle.store.keys(&TenantId::default(), &page(9, Start::Newest), true).await.unwrap();
    let (revoked, live): (Vec<_>, Vec<_>) = all.items.iter().partition(|used| used.key.revoked_at.is_some());
    assert_eq!((all.items.len(), revoked.len(), live.len()), (7, 2, 5));
    assert!(all.items.iter().map(|used| used.key.id).eq(keys.iter().map(|key| key.id)));
}
