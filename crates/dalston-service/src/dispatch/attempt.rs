//! An attempt at a job: passes the audio to the engine, writes the transcript to a file, and stores the outcome.

use super::{Dispatcher, STOP_TIMEOUT, length::metered, transcript_writer::TranscriptWriter};
use crate::{
    blobs::{Blob, is_outage},
    job_notifier::{RunningJob, StopReason},
    views,
};
use dalston_engine::{EngineError, Summary, TranscriptionTask};
use dalston_model::FileName;
use dalston_store::StoreResult;
use dalston_work::{FinishJobOutcome, Job, JobLease, JobOutcome, JobStatus, LeasedJob, outcome_of_death};
use std::{io, path::PathBuf, pin::pin, sync::Arc, time::Duration};
use tokio::{
    sync::{RwLockReadGuard, RwLockWriteGuard, watch},
    task::{JoinHandle, spawn_blocking},
    time::{sleep, timeout},
};

/// Delay in seconds after each failed attempt. Attempts beyond the last entry use the last entry.
const BACKOFF: [u64; 5] = [2, 8, 30, 120, 600];
/// Retry interval for the store, and the initial back-off for the bucket. The latter doubles with each retry, up to
/// [`MAX_BACKOFF`].
pub(super) const RETRY_INTERVAL: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_mins(1);

/// Error messages for the client.
const UNAVAILABLE: &str = "The engine is not available";
const TOO_LONG: &str = "The engine took too long";
const BROKEN: &str = "The engine failed";
const UNREADABLE: &str = "The audio or the result could not be read or written";
const STOPPED: &str = "The gateway stopped while it ran";

/// The result of an attempt.
enum AttemptResult {
    /// The transcript is stored under the lease. The number is the milliseconds of audio to meter.
    Transcript(Summary, u64),
    /// Permanent failure: a retry cannot succeed.
    Permanent(&'static str),
    /// Temporary failure: a retry may succeed.
    Transient(&'static str),
    /// Failure because the process that did the work died.
    Died(&'static str),
    /// The attempt was stopped.
    Stopped(StopReason),
}

/// Permission to run, for as long as it is held.
enum WorkSlot<'a> {
    Beside(#[expect(dead_code, reason = "held")] RwLockReadGuard<'a, ()>),
    Alone(#[expect(dead_code, reason = "held")] RwLockWriteGuard<'a, ()>),
}

/// The registration of a running job at the job notifier and the circuit breaker. Deregisters it on drop.
struct RunEntry {
    dispatcher: Arc<Dispatcher>,
    run: Arc<RunningJob>,
}

impl Drop for RunEntry {
    fn drop(&mut self) {
        self.dispatcher.job_notifier.end(&self.run);
        self.dispatcher.breaker.job_ended();
    }
}

impl Dispatcher {
    /// Runs a leased job and stores its outcome.
    pub(super) async fn attempt(self: Arc<Self>, leased: LeasedJob, run: Arc<RunningJob>) {
        let LeasedJob { job, deaths, reserved_ms, .. } = leased;
        let place = RunEntry { dispatcher: self.clone(), run: run.clone() };
        self.job_notifier.changed(job.id);
        tracing::debug!(
            event = "job.started",
            job = %job.id,
            tenant = %job.tenant,
            attempt = run.lease.fence,
            "started a job"
        );
        let done = if self.is_orphan(&job).await {
            AttemptResult::Stopped(StopReason::Cancelled)
        } else {
            match self.acquire_slot(deaths, &run).await {
                Ok(_turn) => self.work(&job, reserved_ms, &run).await,
                Err(why) => AttemptResult::Stopped(why),
            }
        };
        if let Some(outcome) = self.outcome(deaths, &run.lease, done) {
            self.finish(&run.lease, &outcome).await;
        }
        drop(place);
    }

    /// Whether the key that created the job is revoked. Such a job is not started.
    async fn is_orphan(&self, job: &Job) -> bool {
        let Some(key) = job.key() else { return false };
        match self.store.key(&job.tenant, key).await {
            Ok(used) => used.is_some_and(|used| used.key.revoked_at.is_some()),
            Err(error) => {
                tracing::warn!(
                    event = "job.key_lookup_failed",
                    %error,
                    job = %job.id,
                    "could not look up the key of a job"
                );
                false
            }
        }
    }

    /// Waits for permission to run: beside other jobs, or alone on this node when an earlier attempt at this job died.
    async fn acquire_slot(&self, deaths: u64, run: &RunningJob) -> Result<WorkSlot<'_>, StopReason> {
        let mut stop = run.stopping();
        let slot = async {
            match deaths {
                0 => WorkSlot::Beside(self.exclusivity.read().await),
                _ => WorkSlot::Alone(self.exclusivity.write().await),
            }
        };
        tokio::select! {
            slot = slot => Ok(slot),
            () = wait_for_stop(&mut stop) => Err(run.why().unwrap_or(StopReason::ShuttingDown)),
        }
    }

    /// Runs the engine and stores its transcript.
    async fn work(&self, job: &Job, reserved_ms: u64, run: &Arc<RunningJob>) -> AttemptResult {
        match self.transcribe(job, reserved_ms, run).await {
            Ok(done) => done,
            Err(error) => {
                tracing::error!(event = "job.files_failed", %error, job = %job.id, "could not open the files of a job");
                AttemptResult::Transient(UNREADABLE)
            }
        }
    }

    async fn transcribe(&self, job: &Job, reserved_ms: u64, run: &Arc<RunningJob>) -> io::Result<AttemptResult> {
        let work_dir = self.blobs.work_dir().await?;
        let mut stop = run.stopping();
        let audio = match Self::retry_outage(run, || self.blobs.audio(job.id, &work_dir)).await {
            Ok(audio) => audio?,
            Err(why) => return Ok(AttemptResult::Stopped(why)),
        };
        let mut over = pin!(sleep(self.config.patience));
        let prepared = async {
            let bound = self.audio_bound(job, reserved_ms).await;
            self.probe_length(job, &audio, bound).await.map(|about| (about, bound))
        };
        let (about, bound) = tokio::select! {
            prepared = prepared => prepared?,
            () = &mut over => return Ok(AttemptResult::Transient(TOO_LONG)),
            () = wait_for_stop(&mut stop) => return Ok(AttemptResult::Stopped(run.why().unwrap_or(StopReason::ShuttingDown))),
        };
        if about.duration_seconds.is_some_and(|seconds| seconds > bound.seconds) {
            return Ok(AttemptResult::Permanent(bound.exceeded));
        }
        let path = work_dir.path().join("transcript");
        let writer = create(path.clone(), run.clone()).await?;
        let work = TranscriptionTask {
            audio,
            work_dir: work_dir.path().to_owned(),
            filename: job.filename.as_ref().map(FileName::as_str).map(str::to_owned),
            about,
            most: bound,
            model: job.model.clone(),
            language: job.language.clone(),
            options: job.options.clone(),
        };
        let (heard, engine) = (stop.clone(), self.engine.clone());
        // The engine runs in its own task, so that a panic ends this job and nothing else.
        let mut task = tokio::spawn(async move {
            let mut writer = writer;
            let summary = engine.transcribe(&work, &mut writer, heard).await?;
            Ok(spawn_blocking(move || writer.finish(summary)).await.map_err(io::Error::other)??)
        });
        let ended = tokio::select! {
            ended = &mut task => ended,
            () = &mut over => {
                run.stop(StopReason::TimedOut);
                stop_or_abort(&mut task).await
            }
            () = wait_for_stop(&mut stop) => stop_or_abort(&mut task).await,
        };
        match &ended {
            Ok(Err(EngineError::Unavailable(_))) => self.breaker.record_failure(),
            Ok(Ok(_) | Err(EngineError::Rejected(..))) => self.breaker.record_success(),
            // None of these says anything about the engine: a panic may be caused by this audio alone, and so may a
            // death.
            Ok(Err(EngineError::Stopped | EngineError::Died(..) | EngineError::Io(_))) | Err(_) => {}
        }
        let ended = ended.unwrap_or_else(|error| {
            tracing::error!(event = "engine.panicked", %error, job = %job.id, "the engine's task panicked");
            Err(EngineError::Unavailable("it panicked, or did not stop".to_owned()))
        });
        match (run.why(), ended) {
            (Some(why @ (StopReason::Cancelled | StopReason::Lost)), _) => Ok(AttemptResult::Stopped(why)),
            (why, Ok(summary)) => {
                let publish = || self.blobs.publish(&path, &run.lease);
                // A transcript that is complete is kept, even when its run is to stop.
                let published = match why {
                    None => Self::retry_outage(run, publish).await,
                    Some(why) => timeout(STOP_TIMEOUT, publish()).await.map_err(|_| why),
                };
                match published {
                    Ok(published) => published?,
                    Err(why) => return Ok(AttemptResult::Stopped(why)),
                }
                let audio_ms = metered(job, summary.duration, reserved_ms, bound);
                Ok(AttemptResult::Transcript(summary, audio_ms))
            }
            (Some(StopReason::TimedOut), Err(_)) => Ok(AttemptResult::Transient(TOO_LONG)),
            (Some(why), Err(_)) => Ok(AttemptResult::Stopped(why)),
            (None, Err(error)) => map_engine_error(job, error),
        }
    }

    /// Calls the bucket, and retries while it is unavailable, until it answers or the job is to stop.
    ///
    /// So an outage of the bucket costs a job neither an attempt nor its transcript.
    async fn retry_outage<T, W>(run: &RunningJob, asked: impl Fn() -> W) -> Result<io::Result<T>, StopReason>
    where
        W: Future<Output = io::Result<T>>,
    {
        let (mut stop, mut pause) = (run.stopping(), RETRY_INTERVAL);
        let answered = async {
            loop {
                match asked().await {
                    Err(error) if is_outage(&error) => {
                        tracing::warn!(
                            event = "job.waits_for_blobs",
                            %error,
                            job = %run.lease.job,
                            "a job waits for the blob store"
                        );
                        sleep(pause).await;
                        pause = (pause * 2).min(MAX_BACKOFF);
                    }
                    answered => return answered,
                }
            }
        };
        tokio::select! {
            answered = answered => Ok(answered),
            () = wait_for_stop(&mut stop) => Err(run.why().unwrap_or(StopReason::ShuttingDown)),
        }
    }

    /// Returns the outcome to store; `None` when there is nothing to store.
    fn outcome(&self, deaths: u64, lease: &JobLease, done: AttemptResult) -> Option<JobOutcome> {
        let attempts = u64::from(self.config.attempts.get());
        let has_more = lease.fence < attempts;
        let waits = usize::try_from(lease.fence).unwrap_or(usize::MAX).saturating_sub(1).min(BACKOFF.len() - 1);
        match done {
            AttemptResult::Transcript(summary, audio_ms) => {
                Some(JobOutcome::Completed { result: views::stored(&summary, lease.fence), audio_ms })
            }
            AttemptResult::Stopped(StopReason::TimedOut) => {
                self.outcome(deaths, lease, AttemptResult::Transient(TOO_LONG))
            }
            AttemptResult::Transient(error) if has_more => {
                Some(JobOutcome::Retry { error: error.to_owned(), after: Duration::from_secs(BACKOFF[waits]) })
            }
            AttemptResult::Transient(error) | AttemptResult::Permanent(error) => {
                Some(JobOutcome::Failed { error: error.to_owned() })
            }
            AttemptResult::Died(error) => Some(outcome_of_death(deaths, lease.fence, attempts, error)),
            AttemptResult::Stopped(StopReason::Lost) => None,
            AttemptResult::Stopped(StopReason::Cancelled) => Some(JobOutcome::Cancelled),
            // The job is handed back, even after its last attempt: the attempt did not fail.
            AttemptResult::Stopped(StopReason::ShuttingDown) => {
                Some(JobOutcome::Retry { error: STOPPED.to_owned(), after: Duration::ZERO })
            }
        }
    }

    /// Stores the outcome, and retries until the store answers.
    async fn finish(&self, lease: &JobLease, outcome: &JobOutcome) {
        loop {
            let Err(error) = self.try_finish(lease, outcome).await else { return };
            tracing::warn!(
                event = "job.finish_retried",
                %error,
                job = %lease.job,
                "retrying to store the end of a job"
            );
            tokio::select! {
                // Shutdown: one last retry. If it fails, the lease expires and another node takes the job.
                () = self.job_notifier.stopped() => {
                    sleep(RETRY_INTERVAL).await;
                    if let Err(error) = self.try_finish(lease, outcome).await {
                        tracing::warn!(
                            event = "job.finish_failed",
                            %error,
                            job = %lease.job,
                            "could not store the end of a job"
                        );
                    }
                    return;
                }
                () = sleep(RETRY_INTERVAL) => {}
            }
        }
    }

    /// Stores the outcome of an attempt once, and acts on the store's answer. In an outage it fails, and whether the
    /// outcome was stored is unknown.
    async fn try_finish(&self, lease: &JobLease, outcome: &JobOutcome) -> StoreResult<()> {
        match self.store.finish_job(lease, outcome, self.clock.now()).await? {
            FinishJobOutcome::Finished(job) => {
                if job.status == JobStatus::Pending {
                    tracing::info!(
                        event = "job.requeued",
                        job = %job.id,
                        tenant = %job.tenant,
                        attempt = lease.fence,
                        "queued a job for another attempt"
                    );
                } else {
                    tracing::info!(
                        event = "job.finished",
                        job = %job.id,
                        tenant = %job.tenant,
                        status = %job.status,
                        "finished a job"
                    );
                }
                self.deliveries.wake();
                if job.status != JobStatus::Completed {
                    self.discard(lease, outcome).await;
                }
            }
            FinishJobOutcome::Lost => self.handle_lost_lease(lease, outcome).await,
        }
        Ok(())
    }

    /// Handles the reply of the store that the lease is no longer valid.
    ///
    /// An earlier `finish_job` of this attempt may have succeeded and only its reply been lost. So this reads the job
    /// before it deletes the transcript.
    async fn handle_lost_lease(&self, lease: &JobLease, outcome: &JobOutcome) {
        match self.store.job(&lease.tenant, lease.job).await {
            Ok(job) => {
                if job.as_ref().and_then(views::fence) != Some(lease.fence) {
                    tracing::info!(
                        event = "job.lease_lost",
                        job = %lease.job,
                        attempt = lease.fence,
                        "lost the lease of a job"
                    );
                    self.discard(lease, outcome).await;
                }
            }
            // Recovery checks the transcript later.
            Err(error) => {
                tracing::warn!(
                    event = "job.lookup_failed",
                    %error,
                    job = %lease.job,
                    "could not look up a job after its lease was lost"
                );
            }
        }
    }

    /// Deletes a transcript that belongs to no job.
    async fn discard(&self, lease: &JobLease, outcome: &JobOutcome) {
        if !matches!(outcome, JobOutcome::Completed { .. }) {
            return;
        }
        if let Err(error) = self.blobs.delete(&Blob::Transcript(lease.clone())).await {
            tracing::warn!(
                event = "transcript.delete_failed",
                %error,
                job = %lease.job,
                "could not delete a transcript: left to recovery"
            );
        }
    }
}

async fn create(path: PathBuf, run: Arc<RunningJob>) -> io::Result<TranscriptWriter> {
    spawn_blocking(move || TranscriptWriter::create(&path, run)).await.map_err(io::Error::other)?
}

/// Waits until the job is to stop.
async fn wait_for_stop(stop: &mut watch::Receiver<bool>) {
    // The caller holds the running job and with it the sender, so `wait_for` cannot fail.
    let _ = stop.wait_for(|stopping| *stopping).await;
}

/// Waits up to [`STOP_TIMEOUT`] for a task that was signalled to stop, then aborts it.
async fn stop_or_abort<T>(task: &mut JoinHandle<T>) -> Result<T, tokio::task::JoinError> {
    if let Ok(ended) = timeout(STOP_TIMEOUT, &mut *task).await {
        return ended;
    }
    task.abort();
    task.await
}

/// Maps an error of the engine to the result of the attempt.
fn map_engine_error(job: &Job, error: EngineError) -> io::Result<AttemptResult> {
    tracing::warn!(event = "job.attempt_failed", %error, job = %job.id, "an attempt at a job failed");
    match error {
        EngineError::Rejected(text, _) => Ok(AttemptResult::Permanent(text)),
        EngineError::Died(text, _) => Ok(AttemptResult::Died(text)),
        EngineError::Unavailable(_) => Ok(AttemptResult::Transient(UNAVAILABLE)),
        EngineError::Stopped => Ok(AttemptResult::Transient(BROKEN)),
        EngineError::Io(error) => Err(error),
    }
}
