//! What follows from a changed principal.

use dalston_model::{Actor, Key, KeyState, Principal, TenantId, Timestamp};
use std::sync::{Arc, PoisonError, RwLock, Weak};

/// A principal that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalChange {
    /// Whose principal.
    pub actor: Actor,
    /// The tenant that it belongs to.
    pub tenant: TenantId,
    /// The principal as it is now; `None` once it is revoked, disabled or expired.
    pub now: Option<Principal>,
}

impl PrincipalChange {
    /// Of a key, as it is at `now`.
    pub(crate) fn of_key(key: &Key, now: Timestamp) -> Self {
        let is_live = key.state(now) == KeyState::Active;
        let principal = is_live.then(|| Principal::of_key(key));
        Self { actor: Actor::Key(key.id), tenant: key.tenant.clone(), now: principal }
    }
}

/// Ends or narrows what outlives the request that began it: streams, waits, jobs. It is told of each change, whether
/// that was made here or read from the store's record of changes.
pub trait PrincipalObserver: Send + Sync {
    /// A principal has changed. Called after the cache has forgotten it.
    fn principal_changed(&self, change: &PrincipalChange);
}

/// The observers of a gate. It keeps none alive.
#[derive(Default)]
pub(crate) struct Observers(RwLock<Vec<Weak<dyn PrincipalObserver>>>);

impl Observers {
    pub(crate) fn add(&self, observer: &Arc<dyn PrincipalObserver>) {
        let mut observers = self.0.write().unwrap_or_else(PoisonError::into_inner);
        observers.retain(|observer| observer.strong_count() > 0);
        observers.push(Arc::downgrade(observer));
    }

    pub(crate) fn principal_changed(&self, change: &PrincipalChange) {
        let observers = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        for observer in observers.iter().filter_map(Weak::upgrade) {
            observer.principal_changed(change);
        }
    }
}
