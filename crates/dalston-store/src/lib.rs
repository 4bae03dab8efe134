//! The storage interface for API keys: traits for the atomic operations that the domain needs, the error types, the
//! memory engine (the reference implementation), and the contract suite that every engine runs (feature `contract`).
//!
//! "Not found" is `Option`, a conflict is a return value, and an outage is a [`StoreError`]. The types differ, so an
//! outage can never be mistaken for a rejection. The store never sees a secret. Every change carries its audit record,
//! which is written in the same transaction.

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

/// A storage engine for keys: all of its operations, and its health.
///
/// Every call has a deadline. A call that exceeds it returns [`StoreError::Unavailable`].
#[async_trait]
pub trait KeyStorage: KeyStore + TenantStore + UsageStore + FeedStore + KvStore {
    /// Returns the name of the engine: `memory`, `sqlite`, `postgres` or `redis`.
    fn kind(&self) -> &'static str;

    /// Checks the health of the server over a new connection.
    ///
    /// The server must confirm on that connection that it accepts writes: an idle pooled connection proves nothing
    /// about a server that has stopped. If a call has failed since the last successful write, a write must succeed too.
    async fn probe(&self) -> StoreResult<()>;

    /// Returns the statistics of the connection pool, or `None` for an engine without connections.
    fn pool(&self) -> Option<PoolStats>;

    /// Closes the connections, after the calls in progress have finished.
    async fn close(&self);
}

/// A key storage that is shared between components.
pub type SharedKeyStorage = Arc<dyn KeyStorage>;
