//! What storage must do for keys: the atomic steps that the domain needs, as traits; their errors; the memory engine,
//! which is the reference; and the one contract suite that every engine runs (feature `contract`).
//!
//! Not found is `Option`, conflict is a return value, and an outage is a [`StoreError`]: the types differ, so an
//! outage can never be taken for a refusal. The store never sees a secret, and every change carries the audit
//! record that is written in the same transaction.

#[cfg(feature = "contract")]
pub mod contract;
mod epoch;
mod error;
mod feed;
mod idempotency;
mod key_row;
mod keys;
mod kv;
mod limits;
mod memory;
mod node_place;
mod overlap;
mod stats;
mod tenants;
mod usage;

pub use epoch::Epochs;
pub use error::{StoreError, StoreResult};
pub use feed::{AuditPage, AuditQuery, ChangeNotifier, ChangesResult, Checkpoint, FeedStore, KeyChange};
pub use idempotency::{AlreadyProcessed, IdempotencyKey};
pub use key_row::{KeyColumns, KeyDetails, KeyRest, key_rest};
pub use keys::{
    FoundKey, InsertKeyOutcome, KeyLookup, KeyStore, KeyToInsert, KeyWithUse, PolicyViolation, RevokeKeyOutcome,
    RotateKeyOutcome, Rotation, UpdateKeyOutcome, UpdatePrecondition,
};
pub use kv::KvStore;
pub use limits::{
    AHEAD_SLOTS, Acquired, ClosedLease, GrantedLease, LEASE_SLOTS, LeaseRequest, LimitStore, LocalAdmissions, SLOT,
    WINDOW_SLOTS, slot, slot_start,
};
pub use memory::{MemoryCounter, MemoryEngine, MemoryState, MemoryStore, sorted_page};
pub use node_place::{NODE_LEASE, NodePlace};
pub use overlap::Overlap;
pub use stats::{KeyStatTimes, KeyStats, PoolStats};
pub use tenants::TenantStore;
pub use usage::UsageStore;

use async_trait::async_trait;
use std::sync::Arc;

/// A storage engine for keys: all of its steps, and its health. Every call has a deadline, after which it is
/// [`StoreError::Unavailable`].
#[async_trait]
pub trait KeyStorage: KeyStore + TenantStore + UsageStore + FeedStore + KvStore {
    /// `memory`, `sqlite`, `postgres` or `redis`.
    fn kind(&self) -> &'static str;

    /// Opens a new connection, on which the server must say that it takes writes: what an idle pool says proves nothing
    /// about a stopped server. When a call has failed since, a write must succeed too.
    async fn probe(&self) -> StoreResult<()>;

    /// Its connections; `None` where there are none.
    fn pool(&self) -> Option<PoolStats>;

    /// Ends the connections, after what is under way.
    async fn close(&self);
}

/// A key storage that several parts share.
pub type SharedKeyStorage = Arc<dyn KeyStorage>;
