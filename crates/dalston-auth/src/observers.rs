//! Notifications about changed principals.

use dalston_model::{Actor, Key, KeyState, KnownScopes, Principal, TenantId, Timestamp};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, PoisonError, RwLock, Weak},
};

/// A change of a principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalChange {
    /// The identity of the principal.
    pub actor: Actor,
    /// The tenant that the principal belongs to.
    pub tenant: TenantId,
    /// The current state of the principal; `None` if it was revoked or disabled.
    ///
    /// Expiry is not a change, and is not reported. A part that keeps a principal must itself end at its `expires`.
    pub now: Option<Principal>,
}

impl PrincipalChange {
    /// Describes a key in its state at `now`, with the scopes that the deployment knows.
    pub(crate) fn of_key(key: &Key, scopes: &KnownScopes, now: Timestamp) -> Self {
        let is_live = key.state(now) == KeyState::Active;
        let principal = is_live.then(|| Principal::of_key(key, scopes));
        Self { actor: Actor::Key(key.id), tenant: key.tenant.clone(), now: principal }
    }
}

/// Ends or restricts what outlives the request that started it: streams, waiting requests, jobs.
///
/// An observer is notified of each change, whether it was made on this node or read from the change feed of the store.
/// It must not block.
///
/// A part that starts something long-lived registers it first, where the observer finds it, and then revalidates the
/// caller ([`Gate::revalidate`](crate::Gate::revalidate)). So no change is missed in between.
pub trait PrincipalObserver: Send + Sync {
    /// Handles the change of a principal. Called after the cache entry was invalidated.
    fn principal_changed(&self, change: &PrincipalChange);
}

/// A registration of an observer. The observer is notified until this is dropped.
#[must_use = "nobody is told of anything once this is dropped"]
pub struct Observation {
    _registered: Arc<RegisteredObserver>,
}

/// An observer as registered at a gate. Others may keep the observer itself for longer.
struct RegisteredObserver(Arc<dyn PrincipalObserver>);

/// The observers of a gate. It does not keep them alive.
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
            // A panic in one observer must not keep the others from this change, nor the cache from the next one.
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
