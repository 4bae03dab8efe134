//! The status report: one struct for all interfaces. A value is either measured or null.

use crate::{ChatState, DispatcherReport, Process};
use dalston_model::Timestamp;
use dalston_store::KeyStats;
use dalston_work::Webhook;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, time::Duration};

/// The state of the service: a part for everyone, and a part for admins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// `healthy`, or `degraded` when a component is down.
    pub status: String,
    /// Who measured: `gateway` (a node), or `store` (the command line with direct access to the store, which knows no
    /// node).
    pub source: String,
    /// The version of the program.
    pub version: String,
    /// Seconds since the start; null when the command line reads the store directly.
    pub uptime_seconds: Option<u64>,
    /// When this node started; null when the command line reads the store directly.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub started_at: Option<Timestamp>,
    /// When this was measured.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub time: Timestamp,
    /// Name of a component → `ok` or `down`.
    pub components: BTreeMap<String, String>,
    /// Request counts; null when the command line reads the store directly.
    pub requests: Option<Requests>,
    /// The tenant's unfinished jobs; null for guests, and while the store is down.
    pub jobs: Option<UnfinishedJobs>,
    /// The tenant's open streams on this node; null for guests, and when the command line reads the store directly.
    pub streams: Option<usize>,
    /// The part for admins.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "AdminReport")]
    pub admin: Option<AdminReport>,
}

impl Report {
    /// The source of a report that the command line makes with direct access to the store.
    pub const STORE: &str = "store";
}

/// Requests that a node authenticated or refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Requests {
    /// All requests that this node decided about since its start.
    pub total: u64,
    /// Refused requests among them.
    pub refused: u64,
}

/// Unfinished jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnfinishedJobs {
    /// Queued jobs.
    pub pending: u64,
    /// Running jobs.
    pub running: u64,
    /// Jobs with a requested cancellation that have not stopped yet.
    pub cancelling: u64,
}

/// The part of the report for admins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AdminReport {
    /// Resources used by the process; null when the command line reads the store directly.
    pub process: Option<Process>,
    /// The store.
    pub store: StoreReport,
    /// The cache of keys; null when the command line reads the store directly.
    pub cache: Option<CacheReport>,
    /// The change feed; null when the command line reads the store directly.
    pub feed: Option<FeedReport>,
    /// The tenant's keys; null while the store is down.
    pub keys: Option<KeysReport>,
    /// Number of tenants; null for all but platform callers, and while the store is down.
    pub tenants: Option<u64>,
    /// The job dispatcher of this node; null when the command line reads the store directly.
    pub dispatcher: Option<DispatcherReport>,
    /// Stream workers and their load; null while the store is down.
    pub workers: Option<WorkersReport>,
    /// Mode of the rate limiter: `local`, `shared`, `leased` or `degraded`; null when the command line reads the store
    /// directly.
    pub limiter: Option<String>,
    /// Number of nodes that share the rate limits; null when requests are counted in the process, and until this node
    /// has its share.
    pub limiter_nodes: Option<u32>,
    /// The tenant's webhooks; null while the store is down.
    pub webhook: Option<WebhooksReport>,
    /// The chat bot; null when none is configured.
    pub telegram: Option<ChatState>,
    /// Recently used keys of the tenant; null while the store is down.
    pub active_callers: Option<ActiveCallers>,
    /// The commit that was built; null when unknown to the build.
    pub commit: Option<String>,
    /// The effective settings by variable, without secrets.
    pub settings: Map<String, Value>,
}

/// The cache of keys.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CacheReport {
    /// Valid keys in this node's cache.
    pub keys: usize,
    /// Requests that were decided from the cache.
    pub hits: u64,
    /// Requests whose key was read from the store.
    pub misses: u64,
    /// Fraction of requests that were decided from the cache; null before the first request.
    pub hit_rate: Option<f64>,
    /// Milliseconds since the cache was last known to be current, which bounds its staleness; null until then.
    pub age_millis: Option<u64>,
}

/// The store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoreReport {
    /// Kind of the store: `memory`, `sqlite`, `postgres` or `redis`.
    pub kind: String,
    /// Response time of the store just now, in microseconds; null while it is down.
    pub latency_micros: Option<u64>,
    /// The store's connection pool; null when it has none.
    pub pool: Option<PoolReport>,
}

/// The connection pool of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PoolReport {
    /// Open connections.
    pub open: u32,
    /// Open connections that are idle.
    pub idle: u32,
    /// Maximum number of open connections.
    pub max: u32,
}

/// Stream workers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkersReport {
    /// Streams of all tenants that the built-in worker of this node serves.
    pub own_streams: usize,
    /// Maximum number of streams of the built-in worker.
    pub own_capacity: usize,
    /// Workers that serve the tenant: configured ones, and registered ones.
    pub registered: Vec<WorkerReport>,
}

/// A stream worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkerReport {
    /// The worker's name.
    pub id: String,
    /// Whether the worker serves every tenant.
    pub shared: bool,
    /// Number of streams that the worker serves.
    pub sessions: u32,
    /// Maximum number of concurrent streams.
    pub capacity: u32,
    /// When the registration expires unless it is renewed.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub lapses_at: Timestamp,
}

/// The change feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FeedReport {
    /// `ok`, or `behind` when the last read of the feed failed; null before the first read.
    pub state: Option<String>,
    /// The sequence number of the last change that this node has read.
    pub seq: u64,
    /// When the feed was last read; null before the first read.
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
    /// Keys created more than thirty days ago and not used since then, neither revoked nor disabled.
    pub unused: u64,
}

impl KeysReport {
    /// Keys that expire within this time count as expiring.
    pub const SOON: Duration = KeyStats::SOON;
    /// Keys that were not used for this time count as unused.
    pub const IDLE: Duration = KeyStats::IDLE;
}

/// The tenant's webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WebhooksReport {
    /// Enabled webhooks.
    pub enabled: u64,
    /// Disabled webhooks.
    pub disabled: u64,
    /// Webhooks that were disabled automatically because deliveries failed.
    pub failed: u64,
    /// When any webhook last had a successful delivery; null before the first.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub last_success_at: Option<Timestamp>,
}

impl WebhooksReport {
    /// Summarizes these webhooks.
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

/// Recently used keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ActiveCallers {
    /// Keys used within the last hour.
    pub last_hour: u64,
    /// Keys used within the last day.
    pub last_day: u64,
}
