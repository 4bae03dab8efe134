//! Fair sharing of a node's limited places: engine slots, streams, conversations, waits, verifications. As long as
//! there is another tenant, no tenant holds all of two or more places.

use dalston_model::TenantId;
use std::{
    collections::HashMap,
    hash::Hash,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Tracks whether several tenants use the deployment.
///
/// A single tenant may hold all places. With several, each may hold half of them, rounded up.
#[derive(Default)]
pub struct TenantPresence {
    first: OnceLock<TenantId>,
    is_several: AtomicBool,
}

impl TenantPresence {
    /// Creates an instance that always reports several tenants.
    pub(crate) fn several() -> Arc<Self> {
        Arc::new(Self { first: OnceLock::new(), is_several: AtomicBool::new(true) })
    }

    /// Records that a tenant exists.
    pub fn record_tenant(&self, tenant: &TenantId) {
        if self.first.get_or_init(|| tenant.clone()) != tenant {
            self.is_several.store(true, Ordering::Relaxed);
        }
    }

    /// Whether several tenants exist.
    pub(crate) fn is_several(&self) -> bool {
        self.is_several.load(Ordering::Relaxed)
    }

    /// Returns how many of `most` places one tenant may hold.
    pub fn share(&self, most: usize) -> usize {
        if self.is_several() { most.div_ceil(2) } else { most }
    }
}

/// A fixed number of places, of which each holder may take a share.
pub struct Shares<K> {
    most: usize,
    tenant_presence: Arc<TenantPresence>,
    taken: Mutex<HashMap<K, usize>>,
}

impl<K: Clone + Eq + Hash> Shares<K> {
    /// Creates `most` places, which the tenants share as `tenant_presence` determines. Other holders may stand for tenants.
    pub fn new(most: usize, tenant_presence: Arc<TenantPresence>) -> Arc<Self> {
        Arc::new(Self { most, tenant_presence, taken: Mutex::default() })
    }

    /// Creates `most` places of which each caller may hold at most half, even if there is only one tenant.
    pub fn of_callers(most: usize) -> Arc<Self> {
        Self::new(most, TenantPresence::several())
    }

    /// Takes a place, which is freed on drop. Returns `None` when all are taken, or when the holder has its share.
    pub fn take(self: &Arc<Self>, holder: &K) -> Option<TakenPlace<K>> {
        let mut taken = self.taken();
        if !self.has_room(&taken, holder) {
            return None;
        }
        *taken.entry(holder.clone()).or_default() += 1;
        Some(TakenPlace { shares: Arc::clone(self), holder: holder.clone() })
    }

    /// Whether a place is free for this holder.
    pub fn is_open(&self, holder: &K) -> bool {
        self.has_room(&self.taken(), holder)
    }

    /// Returns the number of taken places.
    pub fn count(&self) -> usize {
        self.taken().values().sum()
    }

    /// Returns the total number of places.
    pub const fn most(&self) -> usize {
        self.most
    }

    fn has_room(&self, taken: &HashMap<K, usize>, holder: &K) -> bool {
        let own = taken.get(holder).copied().unwrap_or_default();
        own < self.tenant_presence.share(self.most) && taken.values().sum::<usize>() < self.most
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<K, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A taken place. It is freed on drop.
pub struct TakenPlace<K: Clone + Eq + Hash> {
    shares: Arc<Shares<K>>,
    holder: K,
}

impl<K: Clone + Eq + Hash> Drop for TakenPlace<K> {
    fn drop(&mut self) {
        let mut taken = self.shares.taken();
        match taken.get_mut(&self.holder) {
            Some(own) if *own > 1 => *own -= 1,
            _ => drop(taken.remove(&self.holder)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant_presence(tenants: &[&str]) -> Arc<TenantPresence> {
        let tenant_presence = Arc::new(TenantPresence::default());
        for tenant in tenants {
            tenant_presence.record_tenant(&tenant.parse().unwrap());
        }
        tenant_presence
    }

    /// Takes as many places for a tenant as it can get.
    fn grab(shares: &Arc<Shares<TenantId>>, tenant: &str) -> Vec<TakenPlace<TenantId>> {
        let tenant = tenant.parse().unwrap();
        std::iter::from_fn(|| shares.take(&tenant)).collect()
    }

    #[test]
    fn one_tenant_never_has_all_while_there_is_another() {
        for (most, greedy, modest, third) in
            [(0, 0, 0, 0), (1, 1, 0, 0), (2, 1, 1, 0), (3, 2, 1, 0), (8, 4, 4, 0), (9, 5, 4, 0)]
        {
            let shares = Shares::new(most, tenant_presence(&["greedy", "modest"]));
            let (one, two) = (grab(&shares, "greedy"), grab(&shares, "modest"));
            let three = grab(&shares, "third");
            assert_eq!([one.len(), two.len(), three.len()], [greedy, modest, third], "{most}");
            // A place that one tenant frees is available to another.
            drop(one);
            assert_eq!(grab(&shares, "third").len(), greedy, "{most}");
        }
    }

    #[test]
    fn a_tenant_that_is_alone_may_have_all_until_another_comes() {
        let tenant_presence = tenant_presence(&["only", "only"]);
        let shares = Shares::new(4, tenant_presence.clone());
        let mut held = grab(&shares, "only");
        assert_eq!(held.len(), 4);
        tenant_presence.record_tenant(&"other".parse().unwrap());
        // No place is taken away. A freed place is available to the other tenant first.
        held.pop();
        assert!(!shares.is_open(&"only".parse().unwrap()) && shares.is_open(&"other".parse().unwrap()));
        assert_eq!((grab(&shares, "only").len(), grab(&shares, "other").len()), (0, 1));
    }
}
