//! Remembers in the store which pepper its keys were made with. A node with a different pepper then fails at its start,
//! instead of rejecting every key.

use crate::Digester;
use dalston_store::{KeyStore, KvStore, StoreError};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use thiserror::Error;

/// The name of the entry in the key-value store.
const ENTRY: &str = "pepper";
/// The TTL of the entry: 100 years. Entries of the key-value store must expire, and this one is meant to outlive the
/// store.
const TTL: Duration = Duration::from_hours(100 * 366 * 24);

/// Why a node must not use a store, or cannot tell whether it may.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum PepperError {
    /// The keys of the store were made with a different pepper, so none of them would be accepted.
    #[error("the keys of the store were made {was}, and {is}: no key would be accepted. {IS_WANTED}")]
    Other {
        /// How the keys were made.
        was: &'static str,
        /// How the setting of this node differs.
        is: &'static str,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

const IS_WANTED: &str = "DALSTON_PEPPER must be what it was when they were made";

/// Checks and records the pepper of a store.
pub(crate) struct PepperRecord {
    notes: Arc<dyn KvStore>,
    fingerprint: String,
    /// Whether the store has recorded this node's pepper.
    is_recorded: AtomicBool,
    /// Whether this node has accepted a key of the store, which proves that the keys were made with this node's pepper.
    is_confirmed: AtomicBool,
}

impl PepperRecord {
    /// Creates the check for the store. `digester` uses the pepper in force.
    pub(crate) fn new(notes: Arc<dyn KvStore>, digester: &Digester) -> Self {
        Self {
            notes,
            fingerprint: digester.fingerprint(),
            is_recorded: AtomicBool::new(false),
            is_confirmed: AtomicBool::new(false),
        }
    }

    /// Fails if the store has recorded a different pepper. Succeeds if it has recorded none.
    pub(crate) async fn check(&self) -> Result<(), PepperError> {
        match self.notes.get_entry(ENTRY).await? {
            Some(fingerprint) => self.compare(&fingerprint),
            None => Ok(()),
        }
    }

    /// Like [`PepperRecord::check`], for use before a secret is made. A store without keys records this node's pepper.
    ///
    /// If several nodes do so at once, one of them wins, and the others check against its pepper. A store whose keys
    /// are older than this record learns the pepper by [`PepperRecord::learn`].
    pub(crate) async fn claim(&self, keys: &dyn KeyStore) -> Result<(), PepperError> {
        if self.is_recorded.load(Ordering::Acquire) {
            return Ok(());
        }
        match self.notes.get_entry(ENTRY).await? {
            Some(fingerprint) => self.compare(&fingerprint),
            None if keys.has_keys().await? => Ok(()),
            None => self.put().await,
        }
    }

    /// Notes that a key was accepted.
    pub(crate) fn confirmed(&self) {
        self.is_confirmed.store(true, Ordering::Release);
    }

    /// Records the pepper in the store, once a key was accepted with it. Makes no further calls once it has succeeded.
    pub(crate) async fn learn(&self) -> Result<(), PepperError> {
        if self.is_recorded.load(Ordering::Acquire) || !self.is_confirmed.load(Ordering::Acquire) {
            return Ok(());
        }
        self.put().await
    }

    async fn put(&self) -> Result<(), PepperError> {
        if self.notes.put_entry(ENTRY, None, &self.fingerprint, TTL).await? {
            self.is_recorded.store(true, Ordering::Release);
            return Ok(());
        }
        self.check().await
    }

    fn compare(&self, fingerprint: &str) -> Result<(), PepperError> {
        if fingerprint == self.fingerprint {
            self.is_recorded.store(true, Ordering::Release);
            return Ok(());
        }
        let (was, is) = match (fingerprint == Digester::UNPEPPERED, self.fingerprint == Digester::UNPEPPERED) {
            (true, _) => ("without a pepper", "one is set"),
            (_, true) => ("with a pepper", "none is set"),
            _ => ("with a pepper", "another one is set"),
        };
        Err(PepperError::Other { was, is })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KeyFormat, Pepper};
    use dalston_model::{
        Actor, AuditEntry, Clock as _, Door, Key, KeyAction, KeyId, KeyScopes, ManualClock, Metadata, SeededEntropy,
        Source, Target, TenantId, Timestamp,
    };
    use dalston_store::{KeyToInsert, MemoryStore};
    use serde_json::json;
    use std::{
        pin::pin,
        sync::Arc,
        task::{Context, Poll, Waker},
    };

    fn now<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(given) => given,
            Poll::Pending => panic!("it waits"),
        }
    }

    /// Creates a node with this pepper on the store.
    fn node(store: &Arc<MemoryStore>, pepper: Option<&str>) -> PepperRecord {
        let pepper = pepper.map(|text| Pepper::new(text.to_owned()));
        PepperRecord::new(store.clone(), &Digester::new(pepper.as_ref()))
    }

    fn store() -> (Arc<MemoryStore>, Arc<ManualClock>) {
        let clock = ManualClock::new(Timestamp::from_secs(1_700_000_000));
        (Arc::new(MemoryStore::new(clock.clone())), clock)
    }

    /// Inserts a key, as an earlier version that did not record the pepper.
    fn fill(store: &MemoryStore, clock: &ManualClock) {
        let entropy = SeededEntropy::new(1);
        let secret = KeyFormat::default().mint(&entropy).unwrap();
        let key = Key {
            id: KeyId::new(clock.now(), &entropy).unwrap(),
            tenant: TenantId::default(),
            prefix: secret.prefix().to_owned(),
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
        let entry = AuditEntry {
            time: clock.now(),
            tenant: key.tenant.clone(),
            source: Source { actor: Actor::Operator, door: Door::Cli, address: None, request_id: None },
            action: KeyAction::KEY_CREATED,
            target: Target::key(key.id),
            detail: json!({}),
        };
        let new = KeyToInsert { digest: Digester::new(None).digest(&secret), key };
        assert!(now(store.insert_first_key(&new, &entry)).unwrap());
    }

    #[test]
    fn an_empty_store_remembers_the_pepper_of_its_first_key() {
        for (first, others) in [
            (None, [Some("pepper"), Some("salt")]),
            (Some("pepper"), [None, Some("salt")]),
            (Some("salt"), [None, Some("pepper")]),
        ] {
            let (store, clock) = store();
            for other in others {
                assert_eq!(now(node(&store, other).check()), Ok(()), "whoever only looks decides nothing");
            }
            assert_eq!(now(node(&store, first).claim(&*store)), Ok(()));
            clock.advance(Duration::from_hours(50 * 366 * 24));
            for other in others {
                let other = node(&store, other);
                assert!(matches!(now(other.check()), Err(PepperError::Other { .. })));
                assert!(matches!(now(other.claim(&*store)), Err(PepperError::Other { .. })));
            }
            let again = node(&store, first);
            assert_eq!((now(again.check()), now(again.claim(&*store)), now(again.learn())), (Ok(()), Ok(()), Ok(())));
        }
    }

    #[test]
    fn a_store_that_was_filled_before_learns_it_from_a_key_that_is_accepted() {
        let (store, clock) = store();
        fill(&store, &clock);
        let (wrong, right) = (node(&store, Some("pepper")), node(&store, None));
        for node in [&wrong, &right] {
            assert_eq!((now(node.check()), now(node.claim(&*store)), now(node.learn())), (Ok(()), Ok(()), Ok(())));
        }
        assert_eq!(now(store.get_entry(ENTRY)), Ok(None), "nobody knows");
        right.confirmed();
        assert_eq!(now(right.learn()), Ok(()));
        assert!(matches!(now(wrong.check()), Err(PepperError::Other { .. })));
        wrong.confirmed();
        assert!(now(wrong.learn()).is_err(), "the first decides");
        assert_eq!(now(right.check()), Ok(()));
    }

    #[test]
    fn neither_the_note_nor_the_error_shows_the_pepper() {
        let (store, _) = store();
        now(node(&store, Some("hunter2")).claim(&*store)).unwrap();
        let note = now(store.get_entry(ENTRY)).unwrap().unwrap();
        let error = now(node(&store, Some("hunter3")).check()).unwrap_err().to_string();
        assert!(!note.contains("hunter") && !error.contains("hunter"), "{note} {error}");
        assert!(error.contains("DALSTON_PEPPER"), "{error}");
    }
}
