//! A job as the scripts read and write it: a hash of what changes, and the JSON of the rest.

use crate::{audit::AuditArgument, row::argument, scripts::ClaimArgument};
use dalston_model::{Audio, FileName, Job, JobId, Metadata, Timestamp};
use dalston_store::{StoreError, StoreResult};
use redis::{FromRedisValue, ParsingError, Value, from_redis_value};
use serde::{Deserialize, Serialize};

/// The fields of the hash.
pub(crate) const FIELDS: [&str; 4] = ["tenant", "status", "completed", "record"];

/// What `FIELDS` hold.
pub(crate) type Fields = (Option<String>, Option<String>, Option<i64>, Option<String>);

/// A job of the store.
pub(crate) struct JobRow {
    id: String,
    tenant: String,
    status: String,
    completed: Option<i64>,
    record: String,
}

/// A job as scripts write it.
#[derive(Serialize)]
pub(crate) struct JobArgument {
    id: String,
    tenant: String,
    status: &'static str,
    created: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed: Option<String>,
    record: String,
    audit: AuditArgument,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim: Option<ClaimArgument>,
}

/// What of a job no cancel changes.
#[derive(Serialize, Deserialize)]
struct JobRecord {
    filename: Option<String>,
    content_type: Option<String>,
    size_bytes: u64,
    audio: Audio,
    model: Option<String>,
    language: Option<String>,
    metadata: Metadata,
    created_at: i64,
    created_by: Option<String>,
    started_at: Option<i64>,
    error: Option<String>,
    result: Option<serde_json::Value>,
}

impl JobArgument {
    /// The job with what its insert brings along.
    pub(crate) fn new(job: &Job, claim: Option<ClaimArgument>, audit: AuditArgument) -> StoreResult<Self> {
        let record = JobRecord {
            filename: job.filename.as_ref().map(|name| name.as_str().to_owned()),
            content_type: job.content_type.clone(),
            size_bytes: job.size_bytes,
            audio: job.audio.clone(),
            model: job.model.clone(),
            language: job.language.clone(),
            metadata: job.metadata.clone(),
            created_at: job.created_at.as_micros(),
            created_by: job.created_by.map(|actor| actor.to_string()),
            started_at: job.started_at.map(Timestamp::as_micros),
            error: job.error.clone(),
            result: job.result.clone(),
        };
        Ok(Self {
            id: job.id.to_string(),
            tenant: job.tenant.to_string(),
            status: job.status.as_str(),
            created: record.created_at.to_string(),
            completed: job.completed_at.map(|at| at.as_micros().to_string()),
            record: argument(&record)?,
            audit,
            claim,
        })
    }
}

impl FromRedisValue for JobRow {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        let (id, tenant, status, completed, record) = from_redis_value(value)?;
        Ok(Self { id, tenant, status, completed, record })
    }
}

impl JobRow {
    /// The job `id` out of its fields; `None` when there are none.
    pub(crate) fn new(id: JobId, (tenant, status, completed, record): Fields) -> Option<Self> {
        Some(Self { id: id.to_string(), tenant: tenant?, status: status?, completed, record: record? })
    }

    /// The job; corrupt when it is none of the model.
    pub(crate) fn job(self) -> StoreResult<Job> {
        let odd = || StoreError::corrupt(format_args!("job {}", self.id));
        let record: JobRecord = serde_json::from_str(&self.record).map_err(|_| odd())?;
        Ok(Job {
            id: self.id.parse().map_err(|_| odd())?,
            tenant: self.tenant.parse().map_err(|_| odd())?,
            status: self.status.parse().map_err(|_| odd())?,
            filename: record.filename.as_deref().and_then(FileName::clean),
            content_type: record.content_type,
            size_bytes: record.size_bytes,
            audio: record.audio,
            model: record.model,
            language: record.language,
            metadata: record.metadata,
            created_at: Timestamp::from_micros(record.created_at),
            created_by: record.created_by.map(|actor| actor.parse()).transpose().map_err(|_| odd())?,
            started_at: record.started_at.map(Timestamp::from_micros),
            progress: None,
            options: dalston_model::JobOptions::default(),
            completed_at: self.completed.map(Timestamp::from_micros),
            error: record.error,
            result: record.result,
        })
    }
}
