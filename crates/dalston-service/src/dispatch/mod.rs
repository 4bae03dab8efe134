//! The dispatcher: leases jobs for this node, runs them on the engine, and maintains the queue.
//!
//! A lease lasts as long as heartbeats renew it. An attempt that finishes under a lease that is no longer valid changes
//! nothing. So a job ends once, however many nodes worked on it.

mod attempt;
mod circuit_breaker;
mod length;
mod tidy;
mod transcript_writer;

use crate::{
    Blobs, DeliveryRunner, TenantPresence, Upload,
    job_notifier::{JobNotifier, StopReason},
};
use circuit_breaker::CircuitBreaker;
use dalston_engine::{Decoders, Engine, EngineOption};
use dalston_model::{SharedClock, SharedEntropy, TenantId, Timestamp};
use dalston_work::{HeartbeatOutcome, JobLease, JobLeaseRequest, SharedWorkStorage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::RwLock,
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

/// Lifetime of a lease without a heartbeat.
const TTL: Duration = Duration::from_secs(30);
/// Interval of heartbeats. A heartbeat also reports that a job was cancelled on another node.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Time that running jobs have at shutdown to finish. After it they are stopped and handed back.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);
/// Time that an engine has to stop after the stop signal.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Configuration of the dispatcher: concurrency, attempts and limits.
#[derive(Debug, Clone)]
pub struct DispatcherConfig {
    /// Maximum number of jobs running on this node.
    pub per_node: u32,
    /// Maximum number of jobs of a tenant running on all nodes together.
    pub per_tenant: u32,
    /// Maximum number of attempts at a job.
    pub attempts: NonZeroU32,
    /// Timeout of an attempt.
    pub patience: Duration,
    /// Maximum length of a job's audio, in seconds.
    pub max_audio_seconds: u32,
    /// Retention of ended jobs in days, unless their tenant has its own; `None`: unlimited.
    pub retention_days: Option<u32>,
    /// Polling interval of the queue, for jobs that were created on other nodes.
    ///
    /// Jittered by ± 20 %, so that nodes do not poll at the same time.
    pub poll: Duration,
}

impl DispatcherConfig {
    /// Returns how many jobs to lease next, and the tenants to exclude because they have used up their share of this
    /// node.
    ///
    /// `running` has the tenant of each job that runs on this node, `room` is the number of jobs that it can take. The
    /// returned number is at most `room`, and at most the smallest non-zero share that a tenant has left: even if all
    /// leased jobs belong to that tenant, it does not exceed its share.
    fn next(&self, tenant_presence: &TenantPresence, running: Vec<TenantId>, room: u32) -> (u32, Vec<TenantId>) {
        let per_node = usize::try_from(self.per_node).unwrap_or(usize::MAX);
        let share = tenant_presence.share(per_node);
        let mut counts: HashMap<TenantId, usize> = HashMap::new();
        for tenant in running {
            *counts.entry(tenant).or_default() += 1;
        }
        let left = |count: &usize| share.saturating_sub(*count);
        let least = counts.values().map(left).filter(|left| *left > 0).min().unwrap_or(share);
        let full = counts.into_iter().filter(|(_, count)| left(count) == 0).map(|(tenant, _)| tenant);
        // With a single tenant, its share is the whole node, so it is never excluded while there is room.
        (room.min(u32::try_from(least).unwrap_or(u32::MAX)), full.collect())
    }
}

/// The state of this node's dispatcher.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DispatcherReport {
    /// The engine that transcribes jobs: `vad`, `openai` or `command`.
    pub engine: String,
    /// Number of jobs running on this node.
    pub running: usize,
    /// Maximum number of jobs running on this node.
    pub most: u32,
    /// State of the queue: `ok`, or `behind` when the last poll failed; null before the first poll.
    pub state: Option<String>,
    /// When the queue was last polled; null before the first poll.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub asked_at: Option<Timestamp>,
}

/// The dependencies of a [`Dispatcher`].
pub(crate) struct DispatcherParts {
    pub(crate) store: SharedWorkStorage,
    pub(crate) blobs: Arc<Blobs>,
    pub(crate) job_notifier: Arc<JobNotifier>,
    pub(crate) tenant_presence: Arc<TenantPresence>,
    pub(crate) deliveries: Arc<DeliveryRunner>,
    pub(crate) decoders: Arc<Decoders>,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) clock: SharedClock,
    pub(crate) entropy: SharedEntropy,
    pub(crate) config: DispatcherConfig,
}

/// Leases jobs from the queue and runs them on the engine.
pub struct Dispatcher {
    store: SharedWorkStorage,
    blobs: Arc<Blobs>,
    job_notifier: Arc<JobNotifier>,
    tenant_presence: Arc<TenantPresence>,
    deliveries: Arc<DeliveryRunner>,
    decoders: Arc<Decoders>,
    engine: Arc<dyn Engine>,
    clock: SharedClock,
    entropy: SharedEntropy,
    config: DispatcherConfig,
    breaker: CircuitBreaker,
    /// Held for reading by each attempt, and for writing by one that must run alone because an earlier attempt at its
    /// job died.
    exclusivity: RwLock<()>,
    /// When the queue was last polled, and whether the poll succeeded.
    asked: Mutex<Option<(Timestamp, bool)>>,
}

impl Dispatcher {
    pub(crate) fn new(parts: DispatcherParts) -> Arc<Self> {
        let DispatcherParts {
            store,
            blobs,
            job_notifier,
            tenant_presence,
            deliveries,
            decoders,
            engine,
            clock,
            entropy,
            config,
        } = parts;
        let (breaker, exclusivity, asked) = (CircuitBreaker::new(clock.clone()), RwLock::default(), Mutex::default());
        Arc::new(Self {
            store,
            blobs,
            job_notifier,
            tenant_presence,
            deliveries,
            decoders,
            engine,
            clock,
            entropy,
            config,
            breaker,
            exclusivity,
            asked,
        })
    }

    /// Runs until shutdown ([`crate::Jobs::stop`]), and then until all running jobs have ended or were handed back.
    pub async fn run(self: Arc<Self>) {
        tokio::select! {
            () = self.lease() => {}
            () = self.renew_leases() => {}
            () = self.maintain_queue() => {}
        }
    }

    /// Returns the kind of the engine and the models that it lists.
    pub async fn models(&self) -> (&'static str, Vec<String>) {
        (self.engine.kind(), self.engine.models().await)
    }

    /// Whether the engine honours this option, as far as that is known before a job runs.
    pub fn takes(&self, option: EngineOption) -> bool {
        self.engine.takes(option)
    }

    /// Returns the names of the upload's fields that the engine ignores.
    pub fn without_effect(&self, upload: &Upload) -> Vec<&'static str> {
        let Upload { model, language, options, .. } = upload;
        let fields = [
            ("model", EngineOption::Model, model.is_some()),
            ("language", EngineOption::Language, language.as_deref().is_some_and(|language| language != "auto")),
            ("prompt", EngineOption::Prompt, options.prompt.is_some()),
            ("temperature", EngineOption::Temperature, options.temperature.is_some()),
            ("timestamps", EngineOption::Words, options.words),
        ];
        let idle = fields.into_iter().filter(|(_, option, is_given)| *is_given && !self.takes(*option));
        idle.map(|(name, ..)| name).collect()
    }

    /// Returns the state for the status report.
    pub fn report(&self) -> DispatcherReport {
        let asked = *self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        DispatcherReport {
            engine: self.engine.kind().to_owned(),
            running: self.job_notifier.count(),
            most: self.config.per_node,
            state: asked.map(|(_, answered)| if answered { "ok" } else { "behind" }.to_owned()),
            asked_at: asked.map(|(at, _)| at),
        }
    }

    /// Leases jobs whenever there is room and a job may be available.
    async fn lease(self: &Arc<Self>) {
        let mut attempts = JoinSet::new();
        while !self.job_notifier.is_stopping() {
            self.fill(&mut attempts).await;
            while attempts.try_join_next().is_some() {}
            tokio::select! {
                biased;
                () = self.job_notifier.stopped() => {}
                () = self.job_notifier.wait_for_job() => {}
                () = sleep(self.jittered(self.config.poll)) => {}
            }
        }
        if timeout(SHUTDOWN_GRACE, ended(&mut attempts)).await.is_err() {
            for run in self.job_notifier.running() {
                run.stop(StopReason::ShuttingDown);
            }
            // A job that does not stop either is taken by another node when its lease has expired.
            let _ = timeout(STOP_TIMEOUT + STOP_TIMEOUT, ended(&mut attempts)).await;
        }
    }

    /// Starts as many attempts as there is room for. A tenant that has used up its share of this node is skipped.
    async fn fill(self: &Arc<Self>, attempts: &mut JoinSet<()>) {
        let busy = u32::try_from(self.job_notifier.count()).unwrap_or(u32::MAX);
        let mut room = self.config.per_node.saturating_sub(busy).min(self.breaker.allowed_starts());
        // While a job runs alone or waits to do so, this node leases no others: other nodes take them.
        while room > 0 && self.exclusivity.try_read().is_ok() {
            let (limit, but) = self.config.next(&self.tenant_presence, self.job_notifier.tenants(), room);
            let asked = JobLeaseRequest { limit, per_tenant: self.config.per_tenant, but, ttl: TTL };
            let leased = self.store.lease_jobs(&asked).await;
            let answered = leased.is_ok();
            *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some((self.clock.now(), answered));
            let leased = match leased {
                Ok(leased) => leased,
                Err(error) => {
                    tracing::warn!(event = "queue.lease_failed", %error, "could not lease jobs from the queue");
                    return;
                }
            };
            let taken = u32::try_from(leased.len()).unwrap_or(u32::MAX);
            room = if taken < limit { 0 } else { room.saturating_sub(taken) };
            for leased in leased {
                let run = self.job_notifier.begin(leased.lease.clone());
                self.breaker.job_started();
                attempts.spawn(self.clone().attempt(leased, run));
            }
        }
    }

    /// Renews the leases of this node, and stops the jobs that were cancelled or whose lease is lost.
    async fn renew_leases(&self) {
        let mut beats = interval(HEARTBEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            beats.tick().await;
            let runs = self.job_notifier.running();
            if runs.is_empty() {
                continue;
            }
            let leases: Vec<(JobLease, Option<u16>)> =
                runs.iter().map(|run| (run.lease.clone(), run.progress())).collect();
            let answers = match self.store.beat_jobs(&leases, TTL).await {
                Ok(answers) => answers,
                Err(error) => {
                    tracing::warn!(event = "job.renew_failed", %error, "could not renew the leases of jobs");
                    continue;
                }
            };
            for (run, answer) in runs.iter().zip(answers) {
                match answer {
                    HeartbeatOutcome::Held => self.job_notifier.changed(run.lease.job),
                    HeartbeatOutcome::Cancelling => run.stop(StopReason::Cancelled),
                    HeartbeatOutcome::Lost => run.stop(StopReason::Lost),
                }
            }
        }
    }

    /// Jitters a duration by ± 20 %.
    fn jittered(&self, time: Duration) -> Duration {
        let mut chance = [128];
        // Without randomness, nodes poll at the same time, which does no harm.
        let _ = self.entropy.fill(&mut chance);
        time * (4 * 255 + 2 * u32::from(chance[0])) / (5 * 255)
    }
}

/// Waits until all attempts have ended.
async fn ended(attempts: &mut JoinSet<()>) {
    while attempts.join_next().await.is_some() {}
}
