//! Jobs: upload, list, get, cancel, purge.

use crate::{AudioFiles, Deliveries, FieldError, Repeat, ServiceError, ServiceResult, Staged, keys::other_payload, probe::probe};
use dalston_auth::Permit;
use dalston_model::{
    Action, Audio, FileName, Job, JobId, JobOptions, JobStatus, Metadata, Page, PageRequest, SharedClock,
    SharedEntropy, Target,
};
use dalston_store::{CancelJob, DeleteJob, InsertJob, Repeated, SharedStore};
use serde_json::json;
use std::{future::Future, sync::Arc};

const NOUN: &str = "Job";

/// What came with an audio file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Upload {
    /// What the client called the file.
    pub filename: Option<FileName>,
    /// What the client said that it is.
    pub content_type: Option<String>,
    /// The model that is asked for.
    pub model: Option<String>,
    /// The language that is asked for.
    pub language: Option<String>,
    /// What is asked for besides.
    pub options: JobOptions,
    /// The client's own object.
    pub metadata: Metadata,
}

/// What came of a cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// It has ended.
    Cancelled,
    /// Its engine was asked to stop.
    Cancelling,
}

/// The use cases on jobs.
pub struct Jobs {
    store: SharedStore,
    files: Arc<AudioFiles>,
    deliveries: Arc<Deliveries>,
    clock: SharedClock,
    entropy: SharedEntropy,
}

impl Jobs {
    pub(crate) fn new(
        store: SharedStore,
        files: AudioFiles,
        deliveries: Arc<Deliveries>,
        clock: SharedClock,
        entropy: SharedEntropy,
    ) -> Self {
        Self { store, files: Arc::new(files), deliveries, clock, entropy }
    }

    /// The greatest length of an upload in bytes.
    pub fn max_bytes(&self) -> u64 {
        self.files.max_bytes()
    }

    /// Refuses an upload of so many bytes when the disk has no room for it.
    pub async fn room(&self, _permit: &Permit, bytes: u64) -> ServiceResult<()> {
        self.files.room(bytes).await
    }

    /// A file for an upload that is about to arrive. `digest` asks for its SHA-256.
    pub async fn stage(&self, _permit: &Permit, digest: bool) -> ServiceResult<Staged> {
        let id = JobId::new(self.clock.now(), &*self.entropy)?;
        self.files.stage(id, digest).await
    }

    /// Makes a job of an upload that has arrived. A repeated upload gets the job of the first, as it is now; when that was
    /// purged meanwhile, `NotFound`: to tell of it as of a job that is there would not be true, and to make another would
    /// bring back what was deleted.
    pub async fn create(
        &self,
        permit: &Permit,
        mut staged: Staged,
        upload: Upload,
        repeat: Option<&Repeat>,
    ) -> ServiceResult<Job> {
        staged.finish().await?;
        let audio = identify(&staged).await?;
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
        let entry = permit.entry(now, Action::JobCreated, Target::Job(job.id), detail);
        let (store, files) = (self.store.clone(), self.files.clone());
        let (inserted, job) = to_its_end(async move {
            let inserted = match store.insert_job(&job, claim.as_ref(), &entry).await {
                Ok(inserted) => inserted,
                Err(error) => {
                    staged.leave();
                    return Err(error.into());
                }
            };
            if inserted == InsertJob::Inserted {
                files.keep(staged).await?;
            }
            Ok((inserted, job))
        })
        .await?;
        match inserted {
            InsertJob::Inserted => Ok(job),
            InsertJob::UnknownTenant => Err(ServiceError::NotFound("Tenant")),
            InsertJob::Excess(excess) => Err(ServiceError::excess(excess, now)),
            InsertJob::Repeated(Repeated { same_payload: false, .. }) => Err(other_payload()),
            InsertJob::Repeated(Repeated { target, .. }) => {
                let id = target.parse().map_err(|_| ServiceError::Internal)?;
                self.get(permit, id).await
            }
        }
    }

    /// A page of the tenant's jobs, of one status when it is given.
    pub async fn list(
        &self,
        permit: &Permit,
        page: &PageRequest,
        status: Option<JobStatus>,
    ) -> ServiceResult<Page<Job>> {
        Ok(self.store.jobs(permit.tenant(), page, status).await?)
    }

    /// The job of this id.
    pub async fn get(&self, permit: &Permit, id: JobId) -> ServiceResult<Job> {
        self.store.job(permit.tenant(), id).await?.ok_or(ServiceError::NotFound(NOUN))
    }

    /// Cancels a job that has not ended.
    pub async fn cancel(&self, permit: &Permit, id: JobId) -> ServiceResult<Cancelled> {
        let now = self.clock.now();
        let entry = permit.entry(now, Action::JobCancelled, Target::Job(id), json!({}));
        match self.store.cancel_job(permit.tenant(), id, now, &entry).await? {
            CancelJob::Cancelled => {
                self.deliveries.wake();
                Ok(Cancelled::Cancelled)
            }
            CancelJob::Cancelling => Ok(Cancelled::Cancelling),
            CancelJob::Ended(_) => Err(ServiceError::Conflict("The job has ended".into())),
            CancelJob::Unknown => Err(ServiceError::NotFound(NOUN)),
        }
    }

    /// Deletes an ended job: its row, then its audio.
    pub async fn purge(&self, permit: &Permit, id: JobId) -> ServiceResult<()> {
        let entry = permit.entry(self.clock.now(), Action::JobDeleted, Target::Job(id), json!({}));
        let (store, files, tenant) = (self.store.clone(), self.files.clone(), permit.tenant().clone());
        to_its_end(async move {
            match store.delete_job(&tenant, id, &entry).await? {
                DeleteJob::Deleted => Ok(files.delete(id).await?),
                DeleteJob::NotEnded => Err(ServiceError::Conflict("The job has not ended".into())),
                DeleteJob::Unknown => Err(ServiceError::NotFound(NOUN)),
            }
        })
        .await
    }

    /// Finishes uploads and purges that a crash cut off.
    pub async fn recover(&self) -> ServiceResult<()> {
        let (kept, deleted) = self.files.recover(&*self.store, &self.clock).await?;
        if kept + deleted > 0 {
            tracing::info!(kept, deleted, "uploads were recovered");
        }
        Ok(())
    }
}

/// Does the work to its end, also when nobody waits for it any more: the server drops the handler of a client that
/// goes, and a row and its file change together or not at all.
async fn to_its_end<T, W>(work: W) -> ServiceResult<T>
where
    T: Send + 'static,
    W: Future<Output = ServiceResult<T>> + Send + 'static,
{
    tokio::spawn(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "a step did not end");
        Err(ServiceError::Internal)
    })
}

async fn identify(staged: &Staged) -> ServiceResult<Audio> {
    if staged.size() == 0 {
        return Err(ServiceError::Invalid(vec![FieldError::new("file", "must not be empty")]));
    }
    let path = staged.path().map(std::path::Path::to_owned).ok_or(ServiceError::Internal)?;
    let probed = tokio::task::spawn_blocking(move || probe(&path)).await.map_err(|error| {
        tracing::error!(%error, "the probe did not end");
        ServiceError::Internal
    })?;
    probed?.ok_or(ServiceError::UnsupportedMedia("The file is not audio of a known format"))
}
