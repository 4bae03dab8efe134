//! Jobs: upload, list, get, wait, cancel, purge.

use crate::{
    Blobs, BucketError, DeliveryRunner, ServiceError, ServiceResult, StagedUpload, WaitSlot, blobs::Blob, detached,
    job_notifier::JobNotifier, views,
};
use dalston_auth::{AuthError, FieldError, Gate, IdempotentRequest, Permit, RejectionReason, Right, rights};
use dalston_engine::{Decoders, EngineError, ProbedAudio, TOO_DENSE, most_seconds};
use dalston_model::{AuditEntry, FileName, Metadata, Page, PageRequest, SharedClock, SharedEntropy};
use dalston_store::AlreadyProcessed;
use dalston_work::{
    Audio, CancelJobOutcome, DeleteJobOutcome, InsertJobOutcome, Job, JobId, JobLease, JobOptions, JobStatus,
    SharedWorkStorage, WorkAction, WorkStorage, WorkTarget,
};
use serde_json::json;
use std::{pin::pin, sync::Arc, time::Duration};
use tokio::{fs::File, time::sleep};

pub(crate) const NOUN: &str = "Job";

/// The client's description of an uploaded audio file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Upload {
    /// The file name given by the client.
    pub filename: Option<FileName>,
    /// The media type given by the client.
    pub content_type: Option<String>,
    /// The requested model.
    pub model: Option<String>,
    /// The requested language.
    pub language: Option<String>,
    /// Further requested options.
    pub options: JobOptions,
    /// The client's own metadata object.
    pub metadata: Metadata,
}

/// The result of cancelling a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// The job has ended.
    Cancelled,
    /// The engine was asked to stop. The job ends when it has stopped.
    Cancelling,
}

/// Rights with which a caller may see a job.
///
/// [`rights::JobsRead`] is the right that routes require which show a job by its id. [`rights::JobsWrite`] is for a
/// caller that waits for its own upload.
pub trait SeesJobs: Right {}

impl SeesJobs for rights::JobsRead {}

impl SeesJobs for rights::JobsWrite {}

/// The use cases for jobs.
pub struct Jobs {
    pub(crate) store: SharedWorkStorage,
    pub(crate) gate: Arc<Gate>,
    pub(crate) blobs: Arc<Blobs>,
    pub(crate) job_notifier: Arc<JobNotifier>,
    pub(crate) deliveries: Arc<DeliveryRunner>,
    pub(crate) decoders: Arc<Decoders>,
    /// Whether the engine accepts only audio that the decoders can decode.
    pub(crate) is_built_in: bool,
    pub(crate) max_audio_seconds: u32,
    pub(crate) clock: SharedClock,
    pub(crate) entropy: SharedEntropy,
}

impl Jobs {
    /// Returns the maximum size of an upload, in bytes.
    pub fn max_bytes(&self) -> u64 {
        self.blobs.max_bytes()
    }

    /// Checks whether the configured bucket, if any, is usable.
    ///
    /// For the start of the gateway. An outage is not an error, so it does not prevent a start.
    pub async fn check_bucket(&self) -> Result<(), BucketError> {
        self.blobs.check().await
    }

    /// Checks that the disk has room for an upload of `bytes` bytes. Fails with [`ServiceError::StorageFull`]
    /// otherwise.
    pub async fn room(&self, _permit: &Permit<rights::JobsWrite>, bytes: u64) -> ServiceResult<()> {
        self.blobs.room(bytes).await
    }

    /// Creates a file for an upload that is about to arrive. `digest` requests its SHA-256.
    pub async fn stage(&self, _permit: &Permit<rights::JobsWrite>, digest: bool) -> ServiceResult<StagedUpload> {
        let id = JobId::new(self.clock.now(), &*self.entropy)?;
        self.blobs.stage(id, digest).await
    }

    /// Creates a job from an upload that has arrived.
    ///
    /// A repeated request with the same idempotency key returns the job of the first one in its present state. If that
    /// job has been purged, it returns [`ServiceError::NotFound`]: reporting the job as present would be false, and
    /// creating another would restore deleted data.
    pub async fn create(
        &self,
        permit: &Permit<rights::JobsWrite>,
        mut staged: StagedUpload,
        upload: Upload,
        repeat: Option<&IdempotentRequest>,
    ) -> ServiceResult<Job> {
        self.gate.check_metadata(&upload.metadata)?;
        staged.finish().await?;
        let audio = self.identify(permit, &staged).await?;
        self.check_length(&audio, staged.size())?;
        let now = self.clock.now();
        let job = Job {
            id: staged.id(),
            tenant: permit.tenant().clone(),
            status: JobStatus::Pending,
            filename: upload.filename,
            content_type: upload.content_type,
            size_bytes: staged.size(),
            audio,
            model: upload.model,
            language: upload.language,
            options: upload.options,
            metadata: upload.metadata,
            created_at: now,
            created_by: Some(permit.actor()),
            started_at: None,
            completed_at: None,
            progress: None,
            error: None,
            result: None,
        };
        let claim = repeat.map(|repeat| repeat.claim(permit, "jobs.create", now));
        let detail = json!({"size_bytes": job.size_bytes, "format": job.audio.format});
        let entry = permit.entry(now, WorkAction::JOB_CREATED, WorkTarget::Job(job.id).into(), detail);
        let (store, blobs) = (self.store.clone(), self.blobs.clone());
        let (inserted, job) = detached(async move {
            blobs.put(&staged).await?;
            let inserted = match store.insert_job(&job, claim.as_ref(), &entry).await {
                Ok(inserted) => inserted,
                Err(error) => {
                    staged.leave();
                    return Err(error.into());
                }
            };
            if inserted == InsertJobOutcome::Inserted {
                blobs.keep(staged).await?;
            } else if let Err(error) = blobs.forget(&Blob::Audio(job.id)).await {
                tracing::warn!(event = "upload.left", %error, job = %job.id, "left audio without a job to recovery");
            }
            Ok((inserted, job))
        })
        .await?;
        match inserted {
            InsertJobOutcome::Inserted => {
                self.job_notifier.job_available();
                Ok(job)
            }
            InsertJobOutcome::UnknownTenant => Err(ServiceError::NotFound("Tenant")),
            InsertJobOutcome::Excess(excess) => Err(ServiceError::excess(excess, now)),
            InsertJobOutcome::Repeated(AlreadyProcessed { same_payload: false, .. }) => {
                Err(AuthError::other_payload().into())
            }
            InsertJobOutcome::Repeated(AlreadyProcessed { target, .. }) => {
                let id = target.parse().map_err(|_| ServiceError::Internal)?;
                self.get(permit, id).await
            }
        }
    }

    /// Identifies the audio format, which must be one that the engine may read. The probe is aborted when the client
    /// disconnects.
    async fn identify(&self, permit: &Permit<rights::JobsWrite>, staged: &StagedUpload) -> ServiceResult<Audio> {
        if staged.size() == 0 {
            return Err(ServiceError::Invalid(vec![FieldError::new("file", "must not be empty")]));
        }
        let file = File::open(staged.path().ok_or(ServiceError::Internal)?).await?.into_std().await;
        match self.decoders.probe(permit.tenant().as_str(), file).await {
            Ok(Some(ProbedAudio { foreign: Some(codec), .. })) if self.is_built_in => {
                Err(ServiceError::UnsupportedMedia(foreign(&codec).into()))
            }
            Ok(Some(found)) => Ok(found.audio),
            Ok(None) => Err(ServiceError::UnsupportedMedia("The file is not audio of a known format".into())),
            Err(EngineError::Died(text, why)) => {
                tracing::warn!(
                    event = "decoder.died",
                    %why,
                    job = %staged.id(),
                    tenant = %permit.tenant(),
                    "a decoder died while probing an upload"
                );
                Err(ServiceError::UnsupportedMedia(text.into()))
            }
            Err(error) => {
                tracing::error!(event = "upload.probe_failed", %error, "could not probe an upload");
                Err(ServiceError::Unreachable("Uploads cannot be probed now"))
            }
        }
    }

    /// Rejects audio that is longer than the limit, as far as its length is known.
    fn check_length(&self, audio: &Audio, bytes: u64) -> ServiceResult<()> {
        let Some(seconds) = audio.duration_seconds else { return Ok(()) };
        if seconds > most_seconds(bytes) {
            return Err(ServiceError::UnsupportedMedia(TOO_DENSE.into()));
        }
        if seconds > f64::from(self.max_audio_seconds) {
            let wanted = format!("must hold at most {} seconds of audio", self.max_audio_seconds);
            return Err(ServiceError::Invalid(vec![FieldError::new("file", wanted)]));
        }
        Ok(())
    }

    /// Lists a page of the tenant's jobs, with this `status` if given.
    pub async fn list(
        &self,
        permit: &Permit<rights::JobsRead>,
        page: &PageRequest,
        status: Option<JobStatus>,
    ) -> ServiceResult<Page<Job>> {
        Ok(self.store.jobs(permit.tenant(), page, status).await?)
    }

    /// Returns the job with this id.
    pub async fn get<R: SeesJobs>(&self, permit: &Permit<R>, id: JobId) -> ServiceResult<Job> {
        self.store.job(permit.tenant(), id).await?.ok_or(ServiceError::NotFound(NOUN))
    }

    /// Waits until the job has ended, at most for `patience`, and returns its latest state.
    ///
    /// Returns the job immediately when too many callers wait already. When the store is unavailable, it keeps polling,
    /// and returns the last state that it read.
    pub async fn ended<R: SeesJobs>(&self, permit: &Permit<R>, job: Job, patience: Duration) -> ServiceResult<Job> {
        if patience.is_zero() || job.status.is_ended() {
            return Ok(job);
        }
        match self.seat(permit) {
            // Boxed: otherwise the future of each command would be as large as this wait.
            Some(seat) => Box::pin(self.awaited(permit, job, seat, patience)).await,
            None => Ok(job),
        }
    }

    /// Like [`Jobs::ended`], for a caller that already holds a wait slot.
    pub async fn awaited<R: SeesJobs>(
        &self,
        permit: &Permit<R>,
        mut job: Job,
        seat: WaitSlot,
        patience: Duration,
    ) -> ServiceResult<Job> {
        let (mut watch, mut over) = (seat.watch(job.id), pin!(sleep(patience)));
        // The subscription exists from here on, so no change is missed.
        loop {
            match self.again(permit, job.id).await {
                Ok(seen) => job = seen,
                Err(ServiceError::Unavailable | ServiceError::Refused(RejectionReason::Unavailable)) => {}
                Err(error) => return Err(error),
            }
            if job.status.is_ended() || watch.is_over() {
                return Ok(job);
            }
            tokio::select! {
                () = &mut over => return Ok(job),
                () = watch.next() => {}
            }
        }
    }

    /// Reads the job again for a caller that was authorized some time ago: revalidates the caller's permissions first.
    async fn again<R: SeesJobs>(&self, permit: &Permit<R>, id: JobId) -> ServiceResult<Job> {
        let caller = self.gate.revalidate(permit.caller()).await?;
        self.get(&caller.permit::<R>()?, id).await
    }

    /// Reserves a slot for waiting for a job.
    ///
    /// Returns `None` when the tenant holds its share of the slots, or all slots are taken.
    pub fn seat<R: SeesJobs>(&self, permit: &Permit<R>) -> Option<WaitSlot> {
        self.job_notifier.seat(permit.tenant())
    }

    /// Cancels a job that has not ended. Fails with [`ServiceError::Conflict`] when it has.
    pub async fn cancel(&self, permit: &Permit<rights::JobsWrite>, id: JobId) -> ServiceResult<Cancelled> {
        let now = self.clock.now();
        let entry = permit.entry(now, WorkAction::JOB_CANCELLED, WorkTarget::Job(id).into(), json!({}));
        match self.store.cancel_job(permit.tenant(), id, now, &entry).await? {
            CancelJobOutcome::Cancelled => {
                self.job_notifier.changed(id);
                self.deliveries.wake();
                Ok(Cancelled::Cancelled)
            }
            CancelJobOutcome::Cancelling => {
                self.job_notifier.cancel(id);
                self.job_notifier.changed(id);
                Ok(Cancelled::Cancelling)
            }
            CancelJobOutcome::Ended(_) => Err(ServiceError::Conflict("The job has ended".into())),
            CancelJobOutcome::Unknown => Err(ServiceError::NotFound(NOUN)),
        }
    }

    /// Deletes an ended job: its row first, then its audio and transcript. Fails with [`ServiceError::Conflict`] when
    /// it has not ended.
    pub async fn purge(&self, permit: &Permit<rights::JobsWrite>, id: JobId) -> ServiceResult<()> {
        let job = self.get(permit, id).await?;
        let entry = permit.entry(self.clock.now(), WorkAction::JOB_DELETED, WorkTarget::Job(id).into(), json!({}));
        let (store, blobs) = (self.store.clone(), self.blobs.clone());
        let erased = detached(async move { erase(&*store, &blobs, &job, &entry).await }).await?;
        match erased {
            DeleteJobOutcome::Deleted => Ok(()),
            DeleteJobOutcome::NotEnded => Err(ServiceError::Conflict("The job has not ended".into())),
            DeleteJobOutcome::Unknown => Err(ServiceError::NotFound(NOUN)),
        }
    }

    /// Begins the shutdown: no further job starts, and all waits return.
    pub fn stop(&self) {
        self.job_notifier.stop();
    }

    /// Finishes uploads and purges that a crash interrupted.
    pub async fn recover(&self) -> ServiceResult<()> {
        let (kept, deleted) = self.blobs.recover(&*self.store, &self.clock).await?;
        if kept + deleted > 0 {
            tracing::info!(event = "upload.recovered", kept, deleted, "recovered uploads");
        }
        Ok(())
    }
}

/// Deletes an ended job: its row, then its files.
///
/// After a crash or an outage, recovery deletes the remaining files: the row is gone, so a repeated request would not
/// find the job.
pub(crate) async fn erase(
    store: &dyn WorkStorage,
    blobs: &Blobs,
    job: &Job,
    entry: &AuditEntry,
) -> ServiceResult<DeleteJobOutcome> {
    let erased = store.delete_job(&job.tenant, job.id, entry).await?;
    if erased == DeleteJobOutcome::Deleted {
        let lease = views::fence(job).map(|fence| JobLease { tenant: job.tenant.clone(), job: job.id, fence });
        for blob in [Some(Blob::Audio(job.id)), lease.map(Blob::Transcript)].into_iter().flatten() {
            if let Err(error) = blobs.delete(&blob).await {
                tracing::warn!(
                    event = "job.delete_failed",
                    %error,
                    job = %job.id,
                    "could not delete the files of a job: left to recovery"
                );
            }
        }
    }
    Ok(erased)
}

/// The error message for audio that the built-in engine cannot decode.
fn foreign(codec: &str) -> String {
    // The codec name comes from a process that reads hostile files, so it is filtered and truncated.
    let codec: String = codec.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(40).collect();
    format!(
        "The built-in engine cannot decode {codec}; set DALSTON_ENGINE_URL or DALSTON_ENGINE_COMMAND for an engine that can"
    )
}
