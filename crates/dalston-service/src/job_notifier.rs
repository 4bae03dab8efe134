//! What the parts of a node tell each other about jobs: that one came, that one changed, that one is to stop.

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

/// So many wait for jobs on this node at most.
const SEATS: usize = 1_000;
/// What another node does with a job is seen so often.
const LOOK: Duration = Duration::from_secs(1);
/// Progress that is not known.
const UNKNOWN: u16 = u16::MAX;

/// Why the work on a job is stopped from this side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// A caller cancelled it.
    Cancelled,
    /// Its lease does not count any more.
    Lost,
    /// The attempt took longer than it may.
    TooLong,
    /// The gateway stops.
    Stopping,
}

/// The work on a job on this node.
pub(crate) struct RunningJob {
    pub(crate) lease: JobLease,
    progress: AtomicU16,
    why: OnceLock<StopReason>,
    stop: watch::Sender<bool>,
}

impl RunningJob {
    /// How far it has come, in thousandths.
    pub(crate) fn progress(&self) -> Option<u16> {
        Some(self.progress.load(Ordering::Relaxed)).filter(|progress| *progress != UNKNOWN)
    }

    /// Notes how far it has come.
    pub(crate) fn advance(&self, thousandths: u16) {
        self.progress.store(thousandths.min(1_000), Ordering::Relaxed);
    }

    /// Stops it. The first reason counts.
    pub(crate) fn stop(&self, why: StopReason) {
        let _ = self.why.set(why);
        self.stop.send_replace(true);
    }

    /// Why it was stopped, if it was.
    pub(crate) fn why(&self) -> Option<StopReason> {
        self.why.get().copied()
    }

    /// Tells when to stop.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }
}

/// The board.
pub(crate) struct JobNotifier {
    came: Notify,
    orphaned: Notify,
    runs: Mutex<HashMap<JobId, Arc<RunningJob>>>,
    watched: Mutex<HashMap<JobId, WatchedJob>>,
    seats: Arc<Shares<TenantId>>,
    stopping: watch::Sender<bool>,
}

impl JobNotifier {
    /// An empty one, for the tenants of this crowd.
    pub(crate) fn new(crowd: Arc<TenantPresence>) -> Arc<Self> {
        Arc::new(Self {
            came: Notify::new(),
            orphaned: Notify::new(),
            runs: Mutex::default(),
            watched: Mutex::default(),
            seats: Shares::new(SEATS, crowd),
            stopping: watch::channel(false).0,
        })
    }

    /// Says that there may be something to do.
    pub(crate) fn job_available(&self) {
        self.came.notify_one();
    }

    /// Waits until somebody says so.
    pub(crate) async fn wait_for_job(&self) {
        self.came.notified().await;
    }

    /// Says that a key is live no more: its jobs that wait are cancelled where it was revoked.
    pub(crate) fn key_revoked(&self) {
        self.orphaned.notify_one();
    }

    /// Waits until somebody says so.
    pub(crate) async fn orphans(&self) {
        self.orphaned.notified().await;
    }

    /// Says that a job is not as it was.
    pub(crate) fn changed(&self, id: JobId) {
        if let Some(watched) = self.watched().get(&id) {
            watched.changes.send_replace(());
        }
    }

    /// Begins the work under a lease.
    pub(crate) fn begin(&self, lease: JobLease) -> Arc<RunningJob> {
        let run = RunningJob {
            lease,
            progress: AtomicU16::new(UNKNOWN),
            why: OnceLock::new(),
            stop: watch::channel(false).0,
        };
        let run = Arc::new(run);
        let mut runs = self.runs();
        // An attempt that has lost its lease may still be on its way out: the new one takes its place.
        if let Some(before) = runs.insert(run.lease.job, run.clone()) {
            before.stop(StopReason::Lost);
        }
        run
    }

    /// Ends the work: there is room for more.
    pub(crate) fn end(&self, run: &Arc<RunningJob>) {
        let mut runs = self.runs();
        if runs.get(&run.lease.job).is_some_and(|current| Arc::ptr_eq(current, run)) {
            runs.remove(&run.lease.job);
        }
        drop(runs);
        self.changed(run.lease.job);
        self.job_available();
    }

    /// All work of this node.
    pub(crate) fn running(&self) -> Vec<Arc<RunningJob>> {
        self.runs().values().cloned().collect()
    }

    /// Whose it is, job by job.
    pub(crate) fn tenants(&self) -> Vec<TenantId> {
        self.runs().values().map(|run| run.lease.tenant.clone()).collect()
    }

    /// How much there is of it.
    pub(crate) fn count(&self) -> usize {
        self.runs().len()
    }

    /// Stops the work on a job, if this node works on it.
    pub(crate) fn cancel(&self, id: JobId) {
        if let Some(run) = self.runs().get(&id) {
            run.stop(StopReason::Cancelled);
        }
    }

    /// Says that the gateway stops: no work begins any more, and nobody waits.
    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Waits until somebody says so.
    pub(crate) async fn stopped(&self) {
        // Whoever asks holds the board, and with it the other end.
        let _ = self.stopping.subscribe().wait_for(|stopping| *stopping).await;
    }

    /// Whether somebody said so.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// A seat for somebody of this tenant. `None`: there is none.
    pub(crate) fn seat(self: &Arc<Self>, tenant: &TenantId) -> Option<WaitSlot> {
        Some(WaitSlot { board: self.clone(), _place: self.seats.take(tenant)? })
    }

    fn runs(&self) -> MutexGuard<'_, HashMap<JobId, Arc<RunningJob>>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watched(&self) -> MutexGuard<'_, HashMap<JobId, WatchedJob>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A job that somebody looks at.
struct WatchedJob {
    changes: watch::Sender<()>,
    watchers: usize,
}

/// The right to wait for a job on this node, of which a tenant has a share. Free again when this is dropped.
pub struct WaitSlot {
    board: Arc<JobNotifier>,
    _place: TakenPlace<TenantId>,
}

impl WaitSlot {
    /// Looks at a job from now on.
    pub fn watch(self, id: JobId) -> JobSubscription {
        let board = self.board.clone();
        let mut all = board.watched();
        let watched = all.entry(id).or_insert_with(|| WatchedJob { changes: watch::channel(()).0, watchers: 0 });
        watched.watchers += 1;
        let changes = watched.changes.subscribe();
        drop(all);
        JobSubscription { board, id, changes, _seat: self }
    }
}

/// Somebody who looks at a job.
pub struct JobSubscription {
    board: Arc<JobNotifier>,
    id: JobId,
    changes: watch::Receiver<()>,
    _seat: WaitSlot,
}

impl JobSubscription {
    /// Waits until the job is worth another look: it changed on this node, or a second has gone.
    pub async fn next(&mut self) {
        tokio::select! {
            () = self.board.stopped() => {}
            _ = timeout(LOOK, self.changes.changed()) => {}
        }
    }

    /// Whether there is nothing to wait for any more: the gateway stops.
    pub fn is_over(&self) -> bool {
        self.board.is_stopping()
    }
}

impl Drop for JobSubscription {
    fn drop(&mut self) {
        let mut watched = self.board.watched();
        match watched.get_mut(&self.id) {
            Some(job) if job.watchers > 1 => job.watchers -= 1,
            _ => drop(watched.remove(&self.id)),
        }
    }
}
