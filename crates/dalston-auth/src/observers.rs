//! What follows from a changed principal.

use dalston_model::{Actor, Key, KeyState, KnownScopes, Principal, TenantId, Timestamp};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, PoisonError, RwLock, Weak},
};

/// A principal that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalChange {
    /// Whose principal.
    pub actor: Actor,
    /// The tenant that it belongs to.
    pub tenant: TenantId,
    /// The principal as it is now; `None` once it is revoked or disabled. That one expires is no change, and nobody is
    /// told of it: whoever keeps a principal ends with its `expires`.
    pub now: Option<Principal>,
}

impl PrincipalChange {
    /// Of a key, as it is at `now` where these scopes are known.
    pub(crate) fn of_key(key: &Key, scopes: &KnownScopes, now: Timestamp) -> Self {
        let is_live = key.state(now) == KeyState::Active;
        let principal = is_live.then(|| Principal::of_key(key, scopes));
        Self { actor: Actor::Key(key.id), tenant: key.tenant.clone(), now: principal }
    }
}

/// Ends or narrows what outlives the request that began it: streams, waits, jobs. It is told of each change, whether
/// that was made here or read from the store's record of changes. It must not block. What begins is entered first, where
/// the observer finds it, and revalidated then ([`Gate::revalidate`](crate::Gate::revalidate)): so no change falls in
/// between.
pub trait PrincipalObserver: Send + Sync {
    /// A principal has changed. Called after the cache has forgotten it.
    fn principal_changed(&self, change: &PrincipalChange);
}

/// The observer is told of changes for as long as this is kept.
#[must_use = "nobody is told of anything once this is dropped"]
pub struct Observation {
    _registered: Arc<RegisteredObserver>,
}

/// An observer as a gate knows it: others may keep it for longer.
struct RegisteredObserver(Arc<dyn PrincipalObserver>);

/// The observers of a gate. It keeps none alive.
#[derive(Default)]
pub(crate) struct Observers(RwLock<Vec<Weak<RegisteredObserver>>>);

impl Observers {
    pub(crate) fn add(&self, observer: Arc<dyn PrincipalObserver>) -> Observation {
        let mut observers = self.0.write().unwrap_or_else(PoisonError::into_inner);
        observers.retain(|observer| observer.strong_count() > 0);
        let registered = Arc::new(RegisteredObserver(observer));
        observers.push(Arc::downgrade(&registered));
        Observation { _registered: registered }
    }

    pub(crate) fn principal_changed(&self, change: &PrincipalChange) {
        let observers = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        for observer in observers.iter().filter_map(Weak::upgrade) {
            // A fault of one observer keeps no other from its change, nor the cache from the next one.
            if catch_unwind(AssertUnwindSafe(|| observer.0.principal_changed(change))).is_err() {
                tracing::error!(
                    event = "observer.panicked",
                    actor = %change.actor,
                    "an observer of principals panicked"
                );
            }
        }
    }
}
