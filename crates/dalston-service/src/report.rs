//! The status report: one struct for every door. A figure is measured, or null.

use crate::{ChatState, DispatcherReport, Process};
use dalston_model::Timestamp;
use dalston_store::KeyStats;
use dalston_work::Webhook;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, time::Duration};

/// How the service is: everyone's part, and that of admins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// `healthy`, or `degraded` when a component is down.
    pub status: String,
    /// Who measured: `gateway`, a node, or `store`: the command line on the store itself, which knows of no node.
    pub source: String,
    /// The version of the program.
    pub version: String,
    /// Seconds since the start; null where the command line asks the store itself.
    pub uptime_seconds: Option<u64>,
    /// When this node started; null where the command line asks the store itself.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub started_at: Option<Timestamp>,
    /// When this was measured.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub time: Timestamp,
    /// Name of a component → `ok` or `down`.
    pub components: BTreeMap<String, String>,
    /// Requests, counted; null where the command line asks the store itself.
    pub requests: Option<Requests>,
    /// The tenant's jobs that have not ended; null to guests, and while the store is down.
    pub jobs: Option<UnfinishedJobs>,
    /// The tenant's open streams on this node; null to guests, and where the command line asks the store itself.
    pub streams: Option<usize>,
    /// What admins see besides.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "AdminReport")]
    pub admin: Option<AdminReport>,
}

impl Report {
    /// The source of a report that the command line makes on the store itself.
    pub const STORE: &str = "store";
}

/// Requests that a node decided about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Requests {
    /// Requests that this node decided about since its start.
    pub total: u64,
    /// Those of them that were refused.
    pub refused: u64,
}

/// Jobs that have not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnfinishedJobs {
    /// Jobs that wait.
    pub pending: u64,
    /// Jobs that run.
    pub running: u64,
    /// Jobs that were asked to stop.
    pub cancelling: u64,
}

/// What admins see.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AdminReport {
    /// What the process uses; null where the command line asks the store itself.
    pub process: Option<Process>,
    /// The store.
    pub store: StoreReport,
    /// Live keys in memory; null where the command line asks the store itself.
    pub cache: Option<CacheReport>,
    /// The feed of changes; null where the command line asks the store itself.
    pub feed: Option<FeedReport>,
    /// The tenant's keys; null while the store is down.
    pub keys: Option<KeysReport>,
    /// How many tenants there are; null to all but platform callers, and while the store is down.
    pub tenants: Option<u64>,
    /// The dispatcher of jobs on this node; null where the command line asks the store itself.
    pub dispatcher: Option<DispatcherReport>,
    /// Workers of streams and their load; null while the store is down.
    pub workers: Option<WorkersReport>,
    /// How requests are counted: `local`, `shared`, `leased` or `degraded`; null where the command line asks the store itself.
    pub limiter: Option<String>,
    /// Nodes that share the limits; null where they are counted in the process, and before this node has its share.
    pub limiter_nodes: Option<u32>,
    /// The tenant's webhooks; null while the store is down.
    pub webhook: Option<WebhooksReport>,
    /// The chat; null: none is configured.
    pub telegram: Option<ChatState>,
    /// Keys of the tenant that were used lately; null while the store is down.
    pub active_callers: Option<ActiveCallers>,
    /// The commit that was built; null where the build did not know it.
    pub commit: Option<String>,
    /// The settings in force, by variable, without any secret.
    pub settings: Map<String, Value>,
}

/// Live keys in memory.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CacheReport {
    /// Live keys in this node's memory.
    pub keys: usize,
    /// Requests that were decided from memory.
    pub hits: u64,
    /// Requests for whose key the store was asked.
    pub misses: u64,
    /// The share of those that were decided from memory; null before the first.
    pub hit_rate: Option<f64>,
    /// Milliseconds since all changes were known: what answers from memory may be behind; null before they were first.
    pub age_millis: Option<u64>,
}

/// The store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoreReport {
    /// Which store: `memory`, `sqlite`, `postgres` or `redis`.
    pub kind: String,
    /// How long the store took to answer just now, in microseconds; null while it is down.
    pub latency_micros: Option<u64>,
    /// The store's connections; null where there are none.
    pub pool: Option<PoolReport>,
}

/// The connections of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PoolReport {
    /// Open connections.
    pub open: u32,
    /// Open connections that are not in use.
    pub idle: u32,
    /// How many may be open.
    pub max: u32,
}

/// Workers of streams.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkersReport {
    /// Streams of all tenants that the built-in worker of this node serves.
    pub own_streams: usize,
    /// How many it serves at most.
    pub own_capacity: usize,
    /// Workers that serve the tenant: those of the settings, and those that register.
    pub registered: Vec<WorkerReport>,
}

/// A worker of streams.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkerReport {
    /// Its name.
    pub id: String,
    /// Whether it serves every tenant.
    pub shared: bool,
    /// Streams that it serves.
    pub sessions: u32,
    /// How many it serves at most.
    pub capacity: u32,
    /// When it is forgotten unless it is heard again.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub lapses_at: Timestamp,
}

/// The feed of changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FeedReport {
    /// Of the feed of changes: `ok`, or `behind` when the last reading failed; null before the first.
    pub state: Option<String>,
    /// The number of the last change that this node has seen.
    pub seq: u64,
    /// When the feed was last read; null before the first time.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub read_at: Option<Timestamp>,
}

/// The tenant's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeysReport {
    /// Keys that are neither revoked, disabled nor expired.
    pub active: u64,
    /// Revoked keys.
    pub revoked: u64,
    /// Active keys that expire within seven days.
    pub expiring: u64,
    /// Keys made more than thirty days ago and not used since then, neither revoked nor disabled.
    pub unused: u64,
}

impl KeysReport {
    /// Keys expire soon that expire within this time.
    pub const SOON: Duration = KeyStats::SOON;
    /// Keys are unused that were not used for this time.
    pub const IDLE: Duration = KeyStats::IDLE;
}

/// The tenant's webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WebhooksReport {
    /// Webhooks that are switched on.
    pub enabled: u64,
    /// Webhooks that are switched off.
    pub disabled: u64,
    /// Those of them that were switched off because deliveries failed.
    pub failed: u64,
    /// When a delivery of any last arrived; null before the first.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub last_success_at: Option<Timestamp>,
}

impl WebhooksReport {
    /// Of these webhooks.
    pub(crate) fn of(webhooks: &[Webhook]) -> Self {
        let count = |which: fn(&Webhook) -> bool| webhooks.iter().filter(|it| which(it)).count() as u64;
        Self {
            enabled: count(|it| it.enabled),
            disabled: count(|it| !it.enabled),
            failed: count(|it| it.disabled_at.is_some()),
            last_success_at: webhooks.iter().filter_map(|it| it.last_success_at).max(),
        }
    }
}

/// Keys that were used lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ActiveCallers {
    /// Keys used within the last hour.
    pub last_hour: u64,
    /// Keys used within the last day.
    pub last_day: u64,
}
