//! What things are: ids, scopes, keys, tenants, jobs, usage, pages, clock.
//!
//! No I/O, no async, nothing of the wire or of a database: each boundary has its own view of these.

mod actor;
mod audit;
mod clock;
mod code;
mod digest;
mod entropy;
mod id;
mod job;
mod key;
mod limit;
mod page;
mod principal;
mod quota;
mod scope;
mod tenant;
mod text;
mod usage;
mod webhook;
mod worker;

pub use actor::{Actor, Door, Source};
pub use audit::{Action, AuditEntry, AuditHash, AuditRecord, Target};
pub use clock::{Clock, ManualClock, SharedClock, SystemClock, Timestamp};
pub use code::ErrorCode;
pub use digest::KeyDigest;
pub use entropy::{Counted, Entropy, EntropyError, OsEntropy, SeededEntropy, SharedEntropy, Stretched};
pub use id::{DeliveryId, IdError, JobId, KeyId, LeaseId, NodeId, RequestId, SessionId, WebhookId};
pub use job::{Audio, Job, JobOptions, JobStatus};
pub use key::{Key, KeyPatch, KeyState};
pub use limit::{RateLimit, RateLimitError};
pub use page::{Cursor, CursorError, Page, PageLimit, PageRequest, Start};
pub use principal::{Principal, PrincipalKind};
pub use quota::{Account, Amount, Excess, Limited, Metered, MeteredDay, Quota, Subject};
pub use scope::{Scope, ScopeError, ScopeSet};
pub use tenant::{Tenant, TenantId};
pub use text::{Description, FileName, Metadata, Name, TextError, is_invisible};
pub use usage::{Day, Refused, Usage, UsageDelta, UsageStep};
pub use webhook::{Delivery, DeliveryStatus, Event, EventKind, Webhook, WebhookPatch, WebhookSecret};
pub use worker::{NewSession, Worker, WorkerId, WorkerLoad};
