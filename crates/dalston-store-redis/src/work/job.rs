//! A job as the scripts read and write it: a hash with the fields that change often, and a JSON of the rest.

use super::{
    meter::{AccountArgument, AmountArgument},
    scripts::ClaimArgument,
};
use crate::{argument::argument, audit::AuditArgument};
use dalston_model::{FileName, Metadata, Timestamp};
use dalston_store::{StoreError, StoreResult};
use dalston_work::{Audio, Event, Job, JobOptions, JobStatus};
use redis::{FromRedisValue, ParsingError, Value, from_redis_value};
use serde::{Deserialize, Serialize};

/// A job as the scripts return it.
pub(crate) struct JobRow {
    id: String,
    tenant: Option<String>,
    status: Option<String>,
    completed: Option<i64>,
    record: Option<String>,
    started: Option<i64>,
    progress: Option<u16>,
    fence: Option<u64>,
    reserved: Option<u64>,
    deaths: Option<u64>,
}

/// A job with its queue state.
pub(crate) struct QueuedJob {
    pub(crate) job: Job,
    /// The number of its last lease; 0 if it had none.
    pub(crate) fence: u64,
    /// Milliseconds of audio that are charged to its account.
    pub(crate) reserved_ms: u64,
    /// How often a worker process died while it worked on the job.
    pub(crate) deaths: u64,
}

/// A job as scripts insert it.
#[derive(Serialize)]
pub(crate) struct JobArgument {
    id: String,
    tenant: String,
    status: &'static str,
    ended: bool,
    created: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<u16>,
    record: String,
    account: AccountArgument,
    /// Milliseconds of audio.
    reserve: AmountArgument,
    audit: AuditArgument,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim: Option<ClaimArgument>,
}

/// An event as scripts put it into outboxes.
#[derive(Serialize)]
pub(crate) struct EventArgument {
    kind: &'static str,
    tenant: String,
    at: String,
    subject: String,
    body: String,
}

/// The parts of a job that have no field of their own in the hash. An earlier version kept the start time here.
#[derive(Serialize, Deserialize)]
struct JobRecord {
    filename: Option<String>,
    content_type: Option<String>,
    size_bytes: u64,
    audio: Audio,
    model: Option<String>,
    language: Option<String>,
    #[serde(default)]
    options: JobOptions,
    metadata: Metadata,
    created_at: i64,
    created_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    started_at: Option<i64>,
    error: Option<String>,
    result: Option<serde_json::Value>,
}

/// Encodes the JSON of a job.
pub(crate) fn record(job: &Job) -> StoreResult<String> {
    argument(&JobRecord {
        filename: job.filename.as_ref().map(|name| name.as_str().to_owned()),
        content_type: job.content_type.clone(),
        size_bytes: job.size_bytes,
        audio: job.audio.clone(),
        model: job.model.clone(),
        language: job.language.clone(),
        options: job.options.clone(),
        metadata: job.metadata.clone(),
        created_at: job.created_at.as_micros(),
        created_by: job.created_by.map(|actor| actor.to_string()),
        started_at: None,
        error: job.error.clone(),
        result: job.result.clone(),
    })
}

impl JobArgument {
    /// Encodes the job, its idempotency key and its audit entry.
    pub(crate) fn new(job: &Job, claim: Option<ClaimArgument>, audit: AuditArgument) -> StoreResult<Self> {
        let micros = |at: Timestamp| at.as_micros().to_string();
        Ok(Self {
            id: job.id.to_string(),
            tenant: job.tenant.to_string(),
            status: job.status.as_str(),
            ended: job.status.is_ended(),
            created: micros(job.created_at),
            completed: job.completed_at.map(micros),
            started: job.started_at.map(micros),
            progress: job.progress,
            record: record(job)?,
            account: AccountArgument::new(&job.account()),
            reserve: AmountArgument::new(job.amount()),
            audit,
            claim,
        })
    }
}

impl EventArgument {
    /// Encodes the event.
    pub(crate) fn new(event: Event) -> Self {
        Self {
            kind: event.kind.as_str(),
            tenant: event.tenant.to_string(),
            at: event.at.as_micros().to_string(),
            subject: event.subject,
            body: event.body,
        }
    }
}

impl FromRedisValue for JobRow {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        let (id, tenant, status, completed, record, started, progress, fence, reserved, deaths) =
            from_redis_value(value)?;
        Ok(Self { id, tenant, status, completed, record, started, progress, fence, reserved, deaths })
    }
}

impl JobRow {
    /// Decodes the job. Returns `None` if there is none, and fails as corrupt if the model does not allow it.
    pub(crate) fn queued(self) -> StoreResult<Option<QueuedJob>> {
        let odd = || StoreError::corrupt(format_args!("job {}", self.id));
        let (Some(tenant), Some(status), Some(record)) = (&self.tenant, &self.status, &self.record) else {
            return Ok(None);
        };
        let record: JobRecord = serde_json::from_str(record).map_err(|_| odd())?;
        let job = Job {
            id: self.id.parse().map_err(|_| odd())?,
            tenant: tenant.parse().map_err(|_| odd())?,
            status: status.parse::<JobStatus>().map_err(|_| odd())?,
            filename: record.filename.as_deref().and_then(FileName::clean),
            content_type: record.content_type,
            size_bytes: record.size_bytes,
            audio: record.audio,
            model: record.model,
            language: record.language,
            options: record.options,
            metadata: record.metadata,
            created_at: Timestamp::from_micros(record.created_at),
            created_by: record.created_by.map(|actor| actor.parse()).transpose().map_err(|_| odd())?,
            started_at: self.started.or(record.started_at).map(Timestamp::from_micros),
            completed_at: self.completed.map(Timestamp::from_micros),
            progress: self.progress,
            error: record.error,
            result: record.result,
        };
        let (fence, reserved_ms) = (self.fence.unwrap_or_default(), self.reserved.unwrap_or_default());
        Ok(Some(QueuedJob { job, fence, reserved_ms, deaths: self.deaths.unwrap_or_default() }))
    }

    /// Decodes the job, or logs a warning and returns `None` if it is unreadable, so that it does not block other jobs.
    pub(crate) fn queued_or_none(self) -> Option<QueuedJob> {
        let id = self.id.clone();
        self.queued().unwrap_or_else(|_| {
            tracing::warn!(event = "job.unreadable", job = %id, "skipped an unreadable job");
            None
        })
    }

    /// Decodes a job of a list. Fails as corrupt if it is gone or the model does not allow it.
    pub(crate) fn job(self) -> StoreResult<Job> {
        let id = self.id.clone();
        let queued = self.queued()?.ok_or_else(|| StoreError::corrupt(format_args!("job {id}")))?;
        Ok(queued.job)
    }
}
