//! The storage of a gate, split by purpose.

use super::unrecorded::Unrecorded;
use dalston_model::SharedClock;
use dalston_store::{FeedStore, KeyLookup, KvStore, MemoryStore, SharedKeyStorage, TenantStore, UsageStore};
use std::sync::Arc;

/// Where a gate reads keys and tenants, and writes usage. It needs less than a full key storage, because it manages no
/// keys.
#[derive(Clone)]
pub struct GateStorage {
    pub(crate) keys: Arc<dyn KeyLookup>,
    pub(crate) tenants: Arc<dyn TenantStore>,
    pub(crate) usage: Arc<dyn UsageStore>,
    pub(crate) feed: Arc<dyn FeedStore>,
    pub(crate) notes: Arc<dyn KvStore>,
}

impl From<SharedKeyStorage> for GateStorage {
    fn from(store: SharedKeyStorage) -> Self {
        Self { keys: store.clone(), tenants: store.clone(), usage: store.clone(), feed: store.clone(), notes: store }
    }
}

impl GateStorage {
    /// Uses the keys of the service's own table. The rest is kept in this process: the tenant `default`, and tickets.
    /// Audit entries are logged.
    ///
    /// Usage is kept in this process too, unless there is a store for it.
    pub(crate) fn of_table(keys: Arc<dyn KeyLookup>, usage: Option<Arc<dyn UsageStore>>, clock: SharedClock) -> Self {
        let feed = Arc::new(Unrecorded { clock: clock.clone() });
        let rest: Arc<MemoryStore> = Arc::new(MemoryStore::new(clock));
        let usage = usage.unwrap_or_else(|| rest.clone());
        Self { keys, tenants: rest.clone(), usage, feed, notes: rest }
    }
}
