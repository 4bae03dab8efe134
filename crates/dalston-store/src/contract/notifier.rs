//! Change notifications: a subscriber is notified of every change of a key, on whichever node it is made.

use super::{
    Fixture,
    handle::{StoreHandle, at_once},
};
use crate::{ChangeNotifier, ChangesResult, Checkpoint, KeyChange, SharedKeyStorage};
use dalston_model::{KeyAction, KeyPatch, Target};
use std::{collections::HashSet, time::Duration};
use tokio::time::timeout;

/// Longer than any notification takes. A missing one makes the test fail instead of hang.
const PATIENCE: Duration = Duration::from_mins(5);

/// A node that subscribes, and reads the feed only when it is notified.
struct FeedListener {
    store: SharedKeyStorage,
    wakes: Box<dyn ChangeNotifier>,
    checkpoint: Checkpoint,
}

impl FeedListener {
    /// Subscribes first and then reads the checkpoint.
    async fn open(fixture: &Fixture) -> Self {
        let store = fixture.other_node().await;
        let wakes = store.notifier().await.unwrap();
        let checkpoint = store.checkpoint().await.unwrap();
        Self { store, wakes, checkpoint }
    }

    /// Waits for a notification, and returns the changes after it. Never empty.
    async fn hear(&mut self) -> Vec<KeyChange> {
        let heard = async {
            loop {
                self.wakes.next().await.unwrap();
                let heard = self.read().await;
                if !heard.is_empty() {
                    return heard;
                }
            }
        };
        timeout(PATIENCE, heard).await.unwrap_or_else(|_| panic!("nothing is heard"))
    }

    /// Returns all changes since the checkpoint. Reads up to the end of the feed: only from there is the next change
    /// notified.
    async fn read(&mut self) -> Vec<KeyChange> {
        let mut all = Vec::new();
        loop {
            let ChangesResult::Changes { changes, checkpoint } =
                self.store.key_changes(&self.checkpoint, 20).await.unwrap()
            else {
                panic!("the history is the same");
            };
            self.checkpoint = checkpoint;
            if changes.is_empty() {
                return all;
            }
            all.extend(changes);
        }
    }
}

pub async fn a_change_of_another_node_wakes(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let mut listener = FeedListener::open(fixture).await;
    for _ in 0..5 {
        let (heard, new) = tokio::join!(listener.hear(), handle.key());
        assert_eq!(heard.iter().map(|change| change.key.id).collect::<Vec<_>>(), [new.key.id]);
    }
    listener.store.close().await;
}

pub async fn a_change_before_the_wait_wakes(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let mut listener = FeedListener::open(fixture).await;
    for count in 1..4 {
        for _ in 0..count {
            handle.key().await;
        }
        let mut heard = 0;
        while heard < count {
            heard += listener.hear().await.len();
        }
        assert_eq!(heard, count);
    }
    listener.store.close().await;
}

pub async fn a_wait_that_is_given_up_loses_nothing(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let mut listener = FeedListener::open(fixture).await;
    for wait in [0, 1, 3, 10, 30] {
        for _ in 0..20 {
            let _ = timeout(Duration::from_millis(wait), listener.wakes.next()).await;
        }
        let new = handle.key().await;
        assert_eq!(listener.hear().await[0].key.id, new.key.id);
    }
    listener.store.close().await;
}

pub async fn every_way_to_change_a_key_wakes(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let mut listener = FeedListener::open(fixture).await;
    let first = handle.new_key();
    let entry = handle.entry(KeyAction::KEY_CREATED, &first.key.tenant, Target::key(first.key.id));
    assert_eq!(handle.store.insert_first_key(&first, &entry).await, Ok(true));
    assert_eq!(listener.hear().await[0].key, first.key);
    let key = handle.key().await.key;
    assert_eq!(listener.hear().await[0].key, key);
    handle.update(&key, &KeyPatch { enabled: Some(false), ..KeyPatch::default() }, &handle.guard()).await;
    assert!(!listener.hear().await[0].key.enabled);
    let rotation = StoreHandle::rotation(Duration::ZERO);
    handle.rotate(&key, &rotation).await;
    assert_eq!(listener.hear().await[0].key.prefix, rotation.prefix);
    handle.revoke(&key).await;
    assert_eq!(listener.hear().await[0].key.revoked_at, Some(handle.now()));
    listener.store.close().await;
}

pub async fn parallel_changes_are_all_heard(fixture: &Fixture) {
    const CHANGERS: usize = 200;
    let hands =
        [StoreHandle::of(fixture), StoreHandle { store: fixture.other_node().await, ..StoreHandle::of(fixture) }];
    let mut listener = FeedListener::open(fixture).await;
    let changing = tokio::spawn({
        let hands = hands.clone();
        async move {
            let change = |number: usize| {
                let handle = hands[number % 2].clone();
                async move { handle.key().await.key.id }
            };
            at_once(CHANGERS, change).await
        }
    });
    let (mut heard, mut last) = (HashSet::new(), listener.checkpoint.seq);
    while heard.len() < CHANGERS {
        for change in listener.hear().await {
            assert!(change.seq > last, "{} comes behind {last}", change.seq);
            last = change.seq;
            assert!(heard.insert(change.key.id), "a change again");
        }
    }
    assert_eq!(heard, changing.await.unwrap().into_iter().collect());
    listener.store.close().await;
    hands[1].store.close().await;
}
