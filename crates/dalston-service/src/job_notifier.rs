//! In-process notifications about jobs: new, changed, or to be stopped.

use crate::{Shares, TakenPlace, TenantPresence};
use dalston_model::TenantId;
use dalston_work::{JobId, JobLease};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};

/// Maximum number of concurrent waits for jobs on this node.
const SEATS: usize = 1_000;
/// Polling interval of a wait. Changes on other nodes are noticed this late.
const LOOK: Duration = Duration::from_secs(1);
/// Progress unknown.
const UNKNOWN: u16 = u16::MAX;

/// Why this node stops its work on a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// A caller cancelled the job.
    Cancelled,
    /// The lease is no longer valid.
    Lost,
    /// The attempt exceeded its time limit.
    TimedOut,
    /// The gateway is shutting down.
    ShuttingDown,
}

/// A job that this node works on.
pub(crate) struct RunningJob {
    pub(crate) lease: JobLease,
    progress: AtomicU16,
    why: OnceLock<StopReason>,
    stop: watch::Sender<bool>,
}

impl RunningJob {
    /// Returns the progress in thousandths; `None` when unknown.
    pub(crate) fn progress(&self) -> Option<u16> {
        Some(self.progress.load(Ordering::Relaxed)).filter(|progress| *progress != UNKNOWN)
    }

    /// Sets the progress, in thousandths.
    pub(crate) fn advance(&self, thousandths: u16) {
        self.progress.store(thousandths.min(1_000), Ordering::Relaxed);
    }

    /// Stops the work. The first reason is kept.
    pub(crate) fn stop(&self, why: StopReason) {
        let _ = self.why.set(why);
        self.stop.send_replace(true);
    }

    /// Returns the reason, if the work was stopped.
    pub(crate) fn why(&self) -> Option<StopReason> {
        self.why.get().copied()
    }

    /// Returns a receiver that becomes true when the work must stop.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }
}

/// The notifications and the running jobs of this node.
pub(crate) struct JobNotifier {
    came: Notify,
    orphaned: Notify,
    runs: Mutex<HashMap<JobId, Arc<RunningJob>>>,
    watched: Mutex<HashMap<JobId, WatchedJob>>,
    seats: Arc<Shares<TenantId>>,
    stopping: watch::Sender<bool>,
}

impl JobNotifier {
    /// Creates a notifier without jobs. `tenant_presence` determines each tenant's share of the wait slots.
    pub(crate) fn new(tenant_presence: Arc<TenantPresence>) -> Arc<Self> {
        Arc::new(Self {
            came: Notify::new(),
            orphaned: Notify::new(),
            runs: Mutex::default(),
            watched: Mutex::default(),
            seats: Shares::new(SEATS, tenant_presence),
            stopping: watch::channel(false).0,
        })
    }

    /// Notifies the dispatcher that a job may be available, or that there is room for one.
    pub(crate) fn job_available(&self) {
        self.came.notify_one();
    }

    /// Waits for [`Self::job_available`].
    pub(crate) async fn wait_for_job(&self) {
        self.came.notified().await;
    }

    /// Notifies the dispatcher that a key is no longer valid. If it was revoked, its queued jobs are cancelled.
    pub(crate) fn key_revoked(&self) {
        self.orphaned.notify_one();
    }

    /// Waits for [`Self::key_revoked`].
    pub(crate) async fn orphans(&self) {
        self.orphaned.notified().await;
    }

    /// Notifies the subscribers of a job that it changed.
    pub(crate) fn changed(&self, id: JobId) {
        if let Some(watched) = self.watched().get(&id) {
            watched.changes.send_replace(());
        }
    }

    /// Registers the work under a lease.
    pub(crate) fn begin(&self, lease: JobLease) -> Arc<RunningJob> {
        let run = RunningJob {
            lease,
            progress: AtomicU16::new(UNKNOWN),
            why: OnceLock::new(),
            stop: watch::channel(false).0,
        };
        let run = Arc::new(run);
        let mut runs = self.runs();
        // An attempt whose lease is lost may still be stopping. The new attempt replaces it.
        if let Some(before) = runs.insert(run.lease.job, run.clone()) {
            before.stop(StopReason::Lost);
        }
        run
    }

    /// Deregisters the work, and notifies the subscribers of the job and the dispatcher, which has room for another.
    pub(crate) fn end(&self, run: &Arc<RunningJob>) {
        let mut runs = self.runs();
        if runs.get(&run.lease.job).is_some_and(|current| Arc::ptr_eq(current, run)) {
            runs.remove(&run.lease.job);
        }
        drop(runs);
        self.changed(run.lease.job);
        self.job_available();
    }

    /// Returns all running jobs of this node.
    pub(crate) fn running(&self) -> Vec<Arc<RunningJob>> {
        self.runs().values().cloned().collect()
    }

    /// Returns the tenant of each running job. A tenant occurs once per job.
    pub(crate) fn tenants(&self) -> Vec<TenantId> {
        self.runs().values().map(|run| run.lease.tenant.clone()).collect()
    }

    /// Returns the number of running jobs.
    pub(crate) fn count(&self) -> usize {
        self.runs().len()
    }

    /// Stops the work on a job, if it runs on this node.
    pub(crate) fn cancel(&self, id: JobId) {
        if let Some(run) = self.runs().get(&id) {
            run.stop(StopReason::Cancelled);
        }
    }

    /// Begins the shutdown: no further work starts, and all waits return.
    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Waits for [`Self::stop`].
    pub(crate) async fn stopped(&self) {
        // The caller holds this notifier and with it the sender, so `wait_for` cannot fail.
        let _ = self.stopping.subscribe().wait_for(|stopping| *stopping).await;
    }

    /// Whether [`Self::stop`] was called.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Reserves a wait slot for this tenant. Returns `None` when there is none.
    pub(crate) fn seat(self: &Arc<Self>, tenant: &TenantId) -> Option<WaitSlot> {
        Some(WaitSlot { job_notifier: self.clone(), _place: self.seats.take(tenant)? })
    }

    fn runs(&self) -> MutexGuard<'_, HashMap<JobId, Arc<RunningJob>>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watched(&self) -> MutexGuard<'_, HashMap<JobId, WatchedJob>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A job with subscribers.
struct WatchedJob {
    changes: watch::Sender<()>,
    watchers: usize,
}

/// A slot for waiting for a job on this node. Each tenant has a share of the slots. Released on drop.
pub struct WaitSlot {
    job_notifier: Arc<JobNotifier>,
    _place: TakenPlace<TenantId>,
}

impl WaitSlot {
    /// Subscribes to changes of a job, from now on.
    pub fn watch(self, id: JobId) -> JobSubscription {
        let job_notifier = self.job_notifier.clone();
        let mut all = job_notifier.watched();
        let watched = all.entry(id).or_insert_with(|| WatchedJob { changes: watch::channel(()).0, watchers: 0 });
        watched.watchers += 1;
        let changes = watched.changes.subscribe();
        drop(all);
        JobSubscription { job_notifier, id, changes, _seat: self }
    }
}

/// A subscription to the changes of a job.
pub struct JobSubscription {
    job_notifier: Arc<JobNotifier>,
    id: JobId,
    changes: watch::Receiver<()>,
    _seat: WaitSlot,
}

impl JobSubscription {
    /// Waits until the job should be read again: it changed on this node, a second has passed, or the gateway shuts
    /// down.
    pub async fn next(&mut self) {
        tokio::select! {
            () = self.job_notifier.stopped() => {}
            _ = timeout(LOOK, self.changes.changed()) => {}
        }
    }

    /// Whether waiting has become pointless because the gateway shuts down.
    pub fn is_over(&self) -> bool {
        self.job_notifier.is_stopping()
    }
}

impl Drop for JobSubscription {
    fn drop(&mut self) {
        let mut watched = self.job_notifier.watched();
        match watched.get_mut(&self.id) {
            Some(job) if job.watchers > 1 => job.watchers -= 1,
            _ => drop(watched.remove(&self.id)),
        }
    }
}
