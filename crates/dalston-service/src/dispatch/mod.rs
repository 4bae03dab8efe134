//! The dispatcher: leases jobs for this node, has its engine work on them, and keeps the queue in order.
//!
//! A job is this node's for as long as its lease is kept by heartbeats. Whoever finishes under a lease that does not
//! count any more changes nothing, so a job ends once, however many nodes worked on it.

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

/// A lease lasts so long without a heartbeat.
const TTL: Duration = Duration::from_secs(30);
/// Heartbeats go so often: with them a cancel on another node arrives here.
const BEAT: Duration = Duration::from_secs(1);
/// When the gateway stops, work under way has so long to come to its end; then it is handed back.
const GRACE: Duration = Duration::from_secs(10);
/// Then an engine has so long to stop.
const LAST: Duration = Duration::from_secs(5);

/// How much work there is at once, and how often it is tried.
#[derive(Debug, Clone)]
pub struct DispatcherConfig {
    /// Jobs of this node at once.
    pub per_node: u32,
    /// Jobs of a tenant at once, on all nodes.
    pub per_tenant: u32,
    /// How often a job is tried.
    pub attempts: NonZeroU32,
    /// How long an attempt may take.
    pub patience: Duration,
    /// How many seconds of audio a job may have.
    pub max_audio_seconds: u32,
    /// For how many days ended jobs are kept, unless their tenant says otherwise.
    pub retention_days: Option<u32>,
    /// How often the queue is asked when nobody says that a job came: jobs come to other nodes too. Give or take a
    /// fifth, so that nodes do not ask all at once.
    pub poll: Duration,
}

impl DispatcherConfig {
    /// How many jobs are leased next, of tenants other than these: as many as fit into the smallest share that is left,
    /// whoever's they are. `running` are the tenants of the jobs that this node works on, `room` how many it takes more.
    fn next(&self, crowd: &TenantPresence, running: Vec<TenantId>, room: u32) -> (u32, Vec<TenantId>) {
        let per_node = usize::try_from(self.per_node).unwrap_or(usize::MAX);
        let share = crowd.share(per_node);
        let mut counts: HashMap<TenantId, usize> = HashMap::new();
        for tenant in running {
            *counts.entry(tenant).or_default() += 1;
        }
        let left = |count: &usize| share.saturating_sub(*count);
        let least = counts.values().map(left).filter(|left| *left > 0).min().unwrap_or(share);
        let full = counts.into_iter().filter(|(_, count)| left(count) == 0).map(|(tenant, _)| tenant);
        // Alone, the share is the node: nobody is passed over.
        (room.min(u32::try_from(least).unwrap_or(u32::MAX)), full.collect())
    }
}

/// The dispatcher of this node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DispatcherReport {
    /// Who transcribes jobs: `vad`, `openai` or `command`.
    pub engine: String,
    /// Jobs that run on this node.
    pub running: usize,
    /// How many may run on this node at once.
    pub most: u32,
    /// Of the queue: `ok`, or `behind` when it could not be asked the last time; null before the first.
    pub state: Option<String>,
    /// When the queue was last asked; null before the first time.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub asked_at: Option<Timestamp>,
}

/// What a dispatcher is made of.
pub(crate) struct DispatcherParts {
    pub(crate) store: SharedWorkStorage,
    pub(crate) blobs: Arc<Blobs>,
    pub(crate) board: Arc<JobNotifier>,
    pub(crate) crowd: Arc<TenantPresence>,
    pub(crate) deliveries: Arc<DeliveryRunner>,
    pub(crate) decoders: Arc<Decoders>,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) clock: SharedClock,
    pub(crate) entropy: SharedEntropy,
    pub(crate) terms: DispatcherConfig,
}

/// The dispatcher.
pub struct Dispatcher {
    store: SharedWorkStorage,
    blobs: Arc<Blobs>,
    board: Arc<JobNotifier>,
    crowd: Arc<TenantPresence>,
    deliveries: Arc<DeliveryRunner>,
    decoders: Arc<Decoders>,
    engine: Arc<dyn Engine>,
    clock: SharedClock,
    entropy: SharedEntropy,
    terms: DispatcherConfig,
    breaker: CircuitBreaker,
    /// Held by all attempts, and by one alone that something died of before.
    turns: RwLock<()>,
    /// When the queue was asked, and whether it answered.
    asked: Mutex<Option<(Timestamp, bool)>>,
}

impl Dispatcher {
    pub(crate) fn new(parts: DispatcherParts) -> Arc<Self> {
        let DispatcherParts { store, blobs, board, crowd, deliveries, decoders, engine, clock, entropy, terms } = parts;
        let (breaker, turns, asked) = (CircuitBreaker::new(clock.clone()), RwLock::default(), Mutex::default());
        Arc::new(Self {
            store,
            blobs,
            board,
            crowd,
            deliveries,
            decoders,
            engine,
            clock,
            entropy,
            terms,
            breaker,
            turns,
            asked,
        })
    }

    /// Works until the gateway stops ([`crate::Jobs::stop`]), and until what is under way then has ended or was handed
    /// back.
    pub async fn run(self: Arc<Self>) {
        tokio::select! {
            () = self.lease() => {}
            () = self.beat() => {}
            () = self.keep_order() => {}
        }
    }

    /// What its engine is, and the models that it lists.
    pub async fn models(&self) -> (&'static str, Vec<String>) {
        (self.engine.kind(), self.engine.models().await)
    }

    /// Whether its engine does anything with this option, as far as that is known before a job.
    pub fn takes(&self, option: EngineOption) -> bool {
        self.engine.takes(option)
    }

    /// The fields of an upload that its engine does nothing with.
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

    /// How it is.
    pub fn report(&self) -> DispatcherReport {
        let asked = *self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        DispatcherReport {
            engine: self.engine.kind().to_owned(),
            running: self.board.count(),
            most: self.terms.per_node,
            state: asked.map(|(_, answered)| if answered { "ok" } else { "behind" }.to_owned()),
            asked_at: asked.map(|(at, _)| at),
        }
    }

    /// Leases jobs whenever there is room and one may have come.
    async fn lease(self: &Arc<Self>) {
        let mut attempts = JoinSet::new();
        while !self.board.is_stopping() {
            self.fill(&mut attempts).await;
            while attempts.try_join_next().is_some() {}
            tokio::select! {
                biased;
                () = self.board.stopped() => {}
                () = self.board.wait_for_job() => {}
                () = sleep(self.jittered(self.terms.poll)) => {}
            }
        }
        if timeout(GRACE, ended(&mut attempts)).await.is_err() {
            for run in self.board.running() {
                run.stop(StopReason::Stopping);
            }
            // What does not stop either is another node's once its lease has lapsed.
            let _ = timeout(LAST + LAST, ended(&mut attempts)).await;
        }
    }

    /// Begins as many attempts as there is room for. A tenant that has its share of this node gets no more of it.
    async fn fill(self: &Arc<Self>, attempts: &mut JoinSet<()>) {
        let busy = u32::try_from(self.board.count()).unwrap_or(u32::MAX);
        let mut room = self.terms.per_node.min(self.breaker.allowed_concurrency()).saturating_sub(busy);
        // A job that is to run alone, or runs so, leaves others to other nodes.
        while room > 0 && self.turns.try_read().is_ok() {
            let (limit, but) = self.terms.next(&self.crowd, self.board.tenants(), room);
            let asked = JobLeaseRequest { limit, per_tenant: self.terms.per_tenant, but, ttl: TTL };
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
                let run = self.board.begin(leased.lease.clone());
                attempts.spawn(self.clone().attempt(leased, run));
            }
        }
    }

    /// Keeps the leases of this node, and hears what became of them.
    async fn beat(&self) {
        let mut beats = interval(BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            beats.tick().await;
            let runs = self.board.running();
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
                    HeartbeatOutcome::Held => self.board.changed(run.lease.job),
                    HeartbeatOutcome::Cancelling => run.stop(StopReason::Cancelled),
                    HeartbeatOutcome::Lost => run.stop(StopReason::Lost),
                }
            }
        }
    }

    /// A time, give or take a fifth.
    fn jittered(&self, time: Duration) -> Duration {
        let mut chance = [128];
        // Without chance nodes ask in step, which does no harm.
        let _ = self.entropy.fill(&mut chance);
        time * (4 * 255 + 2 * u32::from(chance[0])) / (5 * 255)
    }
}

/// Waits until all have ended.
async fn ended(attempts: &mut JoinSet<()>) {
    while attempts.join_next().await.is_some() {}
}
