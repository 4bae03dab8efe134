//! The status of the service: builds the status report, and reports whether the node is ready.

use crate::{
    ActiveCallers, AdminReport, Blobs, CacheReport, ChatState, Dispatcher, FeedReport, KeysReport, Notifications,
    PoolReport, Process, Report, Requests, StoreReport, Streams, UnfinishedJobs, WebhooksReport, WorkerReport,
    WorkersReport,
};
use dalston_auth::{ChangeFeed, FeedPosition, Gate, KeyCacheStats, Permit, Requirement, rights};
use dalston_model::{Actor, PageLimit, PageRequest, Scope, SharedClock, Start, Timestamp};
use dalston_store::PoolStats;
use dalston_work::{ActiveJobs, SharedWorkStorage, WorkerLoad};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, num::NonZeroU32, sync::Arc, time::Duration};
use tokio::sync::Mutex;

/// How long a result of [`StatusReporter::ready`] is cached.
const FRESH: Duration = Duration::from_secs(1);

/// The effective settings by variable, without secrets.
pub type ShownSettings = Map<String, Value>;

/// The dependencies of [`StatusReporter`].
pub(crate) struct StatusParts {
    pub(crate) store: SharedWorkStorage,
    pub(crate) gate: Arc<Gate>,
    pub(crate) streams: Arc<Streams>,
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) blobs: Arc<Blobs>,
    pub(crate) clock: SharedClock,
    pub(crate) settings: ShownSettings,
    pub(crate) notifications: Notifications,
    pub(crate) commit: Option<String>,
    pub(crate) feed: Arc<ChangeFeed>,
}

/// Builds status reports.
pub struct StatusReporter {
    store: SharedWorkStorage,
    gate: Arc<Gate>,
    streams: Arc<Streams>,
    dispatcher: Arc<Dispatcher>,
    blobs: Arc<Blobs>,
    clock: SharedClock,
    started_at: Timestamp,
    settings: ShownSettings,
    notifications: Notifications,
    commit: Option<String>,
    feed: Arc<ChangeFeed>,
    counting: Mutex<()>,
    /// The last result of [`StatusReporter::ready`], and when the store returned it.
    probed: Mutex<Option<(Timestamp, bool)>>,
}

impl StatusReporter {
    pub(crate) fn new(parts: StatusParts) -> Self {
        let StatusParts { store, gate, streams, dispatcher, blobs, clock, settings, notifications, commit, feed } =
            parts;
        Self {
            store,
            gate,
            streams,
            dispatcher,
            blobs,
            started_at: clock.now(),
            clock,
            settings,
            notifications,
            commit,
            feed,
            counting: Mutex::default(),
            probed: Mutex::new(None),
        }
    }

    /// Builds the report for the caller: the part for everyone, and `admin` for admins.
    pub async fn report(&self, permit: &Permit<rights::Authenticated>) -> Report {
        let caller = permit.caller();
        let tenant = (!caller.is_guest()).then(|| permit.tenant());
        let asked = self.clock.now();
        let answer = match tenant {
            Some(tenant) => self.store.active_jobs(tenant).await.map(Some),
            None => self.store.checkpoint().await.map(|_| None),
        };
        let time = self.clock.now();
        let latency = answer.is_ok().then(|| time.since(asked));
        let chat = self.notifications.messenger.as_ref().map(|messenger| messenger.state());
        let mut components = BTreeMap::from([("store".to_owned(), answer.is_ok())]);
        components.extend(chat.as_ref().and_then(|chat| Some(("telegram".to_owned(), chat.reachable?))));
        components.extend(self.blobs.is_answered().map(|is_answered| ("audio_store".to_owned(), is_answered)));
        let (totals, is_admin) = (self.gate.totals(), caller.may(Requirement::Scope(Scope::Admin)));
        let is_node = is_node(permit);
        Report {
            status: if components.values().all(|up| *up) { "healthy" } else { "degraded" }.to_owned(),
            source: if is_node { "gateway" } else { Report::STORE }.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_seconds: is_node.then(|| time.since(self.started_at).as_secs()),
            started_at: is_node.then_some(self.started_at),
            time,
            components: components
                .into_iter()
                .map(|(name, up)| (name, if up { "ok" } else { "down" }.to_owned()))
                .collect(),
            requests: is_node.then_some(Requests { total: totals.total, refused: totals.refused }),
            jobs: answer.ok().flatten().map(|ActiveJobs { pending, running, cancelling }| UnfinishedJobs {
                pending,
                running,
                cancelling,
            }),
            streams: tenant.filter(|_| is_node).map(|tenant| self.streams.count(tenant)),
            admin: if is_admin { Some(self.admin(permit, latency, chat).await) } else { None },
        }
    }

    async fn admin(
        &self,
        permit: &Permit<rights::Authenticated>,
        latency: Option<Duration>,
        chat: Option<ChatState>,
    ) -> AdminReport {
        let figures = match latency {
            // Counting reads many rows, so this node runs one count at a time, however many callers there are.
            Some(_) => {
                let _one = self.counting.lock().await;
                self.store.key_stats(permit.tenant(), self.clock.now()).await.ok()
            }
            None => None,
        };
        let is_platform = permit.caller().may(Requirement::Scope(Scope::Platform));
        let tenants = if is_platform && latency.is_some() { self.store.tenant_count().await.ok() } else { None };
        let workers = if latency.is_some() { self.workers(permit).await } else { None };
        // A tenant has few webhooks, so one page holds all of them.
        let page = PageRequest { limit: PageLimit::default(), start: Start::Newest };
        let webhooks = match latency {
            Some(_) => self.store.webhooks(permit.tenant(), &page).await.ok(),
            None => None,
        };
        let is_node = is_node(permit);
        AdminReport {
            process: is_node.then(Process::read),
            store: StoreReport {
                kind: self.store.kind().to_owned(),
                latency_micros: latency.and_then(|it| u64::try_from(it.as_micros()).ok()),
                pool: self.store.pool().map(|PoolStats { open, idle, max }| PoolReport { open, idle, max }),
            },
            cache: is_node.then(|| cache(self.gate.memory())),
            feed: is_node.then(|| feed(self.feed.position())),
            keys: figures.map(|it| KeysReport {
                active: it.active,
                revoked: it.revoked,
                expiring: it.expiring,
                unused: it.unused,
            }),
            tenants,
            dispatcher: is_node.then(|| self.dispatcher.report()),
            workers,
            limiter: is_node.then(|| self.gate.limiter_mode().as_str().to_owned()),
            limiter_nodes: self.gate.limiter_nodes().map(NonZeroU32::get),
            webhook: webhooks.map(|page| WebhooksReport::of(&page.items)),
            telegram: chat,
            active_callers: figures
                .map(|it| ActiveCallers { last_hour: it.used_last_hour, last_day: it.used_last_day }),
            commit: self.commit.clone(),
            settings: self.settings.clone(),
        }
    }

    async fn workers(&self, permit: &Permit<rights::Authenticated>) -> Option<WorkersReport> {
        let registered = self.store.workers().await.ok()?.into_iter();
        let serves = |it: &WorkerLoad| it.worker.tenant.as_ref().is_none_or(|tenant| tenant == permit.tenant());
        let (own_streams, own_capacity) = if is_node(permit) { self.streams.builtin_load() } else { (0, 0) };
        let report = |it: WorkerLoad| WorkerReport {
            id: it.worker.id.to_string(),
            shared: it.worker.tenant.is_none(),
            sessions: it.sessions,
            capacity: it.worker.capacity,
            lapses_at: it.lapses_at,
        };
        Some(WorkersReport { own_streams, own_capacity, registered: registered.filter(serves).map(report).collect() })
    }

    /// Whether a new connection reaches a store that accepts writes. The result is at most a second old.
    ///
    /// Readiness needs no authentication, so its cost is bounded: at most one connection attempt at a time, and one a
    /// second.
    pub async fn ready(&self) -> bool {
        let mut probed = self.probed.lock().await;
        let now = self.clock.now();
        // After the clock was set back, the cached result is not used.
        if let Some((at, up)) = *probed
            && at <= now
            && now.since(at) < FRESH
        {
            return up;
        }
        let up = match self.store.probe().await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(event = "server.not_ready", %error, "not ready");
                false
            }
        };
        // The time of the result, not of the call: callers that waited for the lock reuse the result.
        *probed = Some((self.clock.now(), up));
        up
    }
}

/// Whether this process is a node. The local operator uses a process of its own, which serves no requests.
fn is_node(permit: &Permit<rights::Authenticated>) -> bool {
    permit.actor() != Actor::Operator
}

fn feed(position: FeedPosition) -> FeedReport {
    let FeedPosition { is_current, seq, read_at } = position;
    let state = is_current.map(|is_current| if is_current { "ok" } else { "behind" }.to_owned());
    FeedReport { state, seq, read_at }
}

fn cache(figures: KeyCacheStats) -> CacheReport {
    let KeyCacheStats { keys, hits, misses, age } = figures;
    let all = hits.saturating_add(misses);
    #[expect(clippy::cast_precision_loss, reason = "a share, for people")]
    let hit_rate = (all > 0).then(|| hits as f64 / all as f64);
    CacheReport { keys, hits, misses, hit_rate, age_millis: age.and_then(|age| u64::try_from(age.as_millis()).ok()) }
}
