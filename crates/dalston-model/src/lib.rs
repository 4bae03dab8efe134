//! Domain types: ids, scopes, keys, tenants, usage, audit records, pages, clock.
//!
//! No I/O, no async, and no wire or database formats. Nothing here depends on what the guarded service does. Each
//! boundary maps these types to its own view.

mod actor;
mod audit;
mod clock;
mod code;
mod digest;
mod entropy;
mod id;
mod key;
mod key_scopes;
mod known_scopes;
mod limit;
mod own_scope;
mod page;
mod principal;
mod scope;
mod scope_set;
mod tenant;
mod text;
mod usage;

pub use actor::{Actor, Door, Source};
pub use audit::{Action, AuditEntry, AuditHash, AuditRecord, KeyAction, Target};
pub use clock::{Clock, ManualClock, SharedClock, SystemClock, Timestamp};
pub use code::ErrorCode;
pub use digest::KeyDigest;
pub use entropy::{
    CounterModeEntropy, Entropy, EntropyError, ExpandedEntropy, OsEntropy, SeededEntropy, SharedEntropy,
};
pub use id::{IdError, KeyId, LeaseId, NodeId, RequestId};
pub use key::{Key, KeyPatch, KeyState};
pub use key_scopes::{KeyScopes, ScopeError};
pub use known_scopes::{KnownScopes, ScopeNameError};
pub use limit::{RateLimit, RateLimitError};
pub use own_scope::OwnScope;
pub use page::{Cursor, CursorError, Page, PageLimit, PageRequest, Start};
pub use principal::{Principal, PrincipalKind};
pub use scope::Scope;
pub use scope_set::ScopeSet;
pub use tenant::{Tenant, TenantId};
pub use text::{Description, FileName, Metadata, Name, TextError, is_invisible};
pub use usage::{Day, RefusedRequests, Usage, UsageDelta, UsageStep};
#[doc(hidden)]
pub use {id::uuid_at, uuid::Uuid};
