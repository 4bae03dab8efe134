//! Decodes rows into types of the work store. Lists the columns of each once.

pub(crate) use crate::row::{bigint, count, overlap, parsed, parsed_option, time, time_option, wrong};

use dalston_model::FileName;
use dalston_work::{Delivery, DeliveryId, Job, JobId, Webhook, WebhookId};
use sqlx::{Row, postgres::PgRow, types::Json};
use std::time::Duration;

macro_rules! job_columns {
    () => {
        "id, tenant_id, status, filename, content_type, size_bytes, audio, model, language, metadata, created_at, \
         created_by, started_at, completed_at, error, result, options, progress"
    };
}

/// The columns of a job and of its queue state.
macro_rules! queued_job_columns {
    () => {
        concat!(job_columns!(), ", fence, reserved_ms, deaths")
    };
}

/// The columns of a webhook, without its secrets.
macro_rules! webhook_columns {
    () => {
        "id, tenant_id, url, description, events, enabled, disabled_at, created_at, created_by, last_success_at, \
         exhausted"
    };
}

macro_rules! delivery_columns {
    () => {
        "id, webhook_id, kind, body, created_at, status, attempts, next_at, last_at, last_status, last_error"
    };
}

pub(crate) use {delivery_columns, job_columns, queued_job_columns, webhook_columns};

/// A job with its queue state.
pub(crate) struct QueuedJob {
    pub(crate) job: Job,
    pub(crate) fence: u64,
    pub(crate) reserved_ms: u64,
    /// How often a worker process died while it worked on the job.
    pub(crate) deaths: u64,
}

/// Decodes a row of `job_columns`.
pub(crate) fn job(row: &PgRow) -> sqlx::Result<Job> {
    let filename = row.try_get::<Option<&str>, _>("filename")?;
    Ok(Job {
        id: JobId::from_uuid(row.try_get("id")?),
        tenant: parsed(row, "tenant_id")?,
        status: parsed(row, "status")?,
        filename: filename.and_then(FileName::clean),
        content_type: row.try_get("content_type")?,
        size_bytes: count(row, "size_bytes")?,
        audio: row.try_get("audio").map(|Json(value)| value)?,
        model: row.try_get("model")?,
        language: row.try_get("language")?,
        metadata: row.try_get("metadata").map(|Json(value)| value)?,
        created_at: time(row, "created_at")?,
        created_by: parsed_option(row, "created_by")?,
        started_at: time_option(row, "started_at")?,
        completed_at: time_option(row, "completed_at")?,
        error: row.try_get("error")?,
        result: row.try_get::<Option<Json<_>>, _>("result")?.map(|Json(value)| value),
        options: row.try_get::<Option<Json<_>>, _>("options")?.map(|Json(value)| value).unwrap_or_default(),
        progress: row
            .try_get::<Option<i32>, _>("progress")?
            .map(u16::try_from)
            .transpose()
            .map_err(wrong("progress"))?,
    })
}

/// Decodes a row of `queued_job_columns`.
pub(crate) fn queued_job(row: &PgRow) -> sqlx::Result<QueuedJob> {
    Ok(QueuedJob {
        job: job(row)?,
        fence: count(row, "fence")?,
        reserved_ms: count(row, "reserved_ms")?,
        deaths: count(row, "deaths")?,
    })
}

/// Decodes a row of `webhook_columns`.
pub(crate) fn webhook(row: &PgRow) -> sqlx::Result<Webhook> {
    let events = row.try_get::<Vec<String>, _>("events")?;
    Ok(Webhook {
        id: WebhookId::from_uuid(row.try_get("id")?),
        tenant: parsed(row, "tenant_id")?,
        url: row.try_get("url")?,
        description: parsed_option(row, "description")?,
        events: events.iter().map(|kind| kind.parse()).collect::<Result<_, _>>().map_err(wrong("events"))?,
        enabled: row.try_get("enabled")?,
        disabled_at: time_option(row, "disabled_at")?,
        created_at: time(row, "created_at")?,
        created_by: parsed_option(row, "created_by")?,
        last_success_at: time_option(row, "last_success_at")?,
        exhausted: narrow(row, "exhausted")?,
    })
}

/// Encodes the event kinds that a webhook subscribes to.
pub(crate) fn events(webhook: &Webhook) -> Vec<&'static str> {
    webhook.events.iter().map(|kind| kind.as_str()).collect()
}

/// Decodes a row of `delivery_columns`.
pub(crate) fn delivery(row: &PgRow) -> sqlx::Result<Delivery> {
    let answered = row.try_get::<Option<i32>, _>("last_status")?;
    Ok(Delivery {
        id: DeliveryId::from_uuid(row.try_get("id")?),
        webhook: WebhookId::from_uuid(row.try_get("webhook_id")?),
        kind: parsed(row, "kind")?,
        body: row.try_get("body")?,
        created_at: time(row, "created_at")?,
        status: parsed(row, "status")?,
        attempts: narrow(row, "attempts")?,
        next_at: time_option(row, "next_at")?,
        last_at: time_option(row, "last_at")?,
        last_status: answered.map(u16::try_from).transpose().map_err(wrong("last_status"))?,
        last_error: row.try_get("last_error")?,
    })
}

/// Decodes a small count.
pub(crate) fn narrow(row: &PgRow, column: &'static str) -> sqlx::Result<u32> {
    u32::try_from(row.try_get::<i64, _>(column)?).map_err(wrong(column))
}

/// Decodes an optional small count.
pub(crate) fn narrow_option(row: &PgRow, column: &'static str) -> sqlx::Result<Option<u32>> {
    row.try_get::<Option<i64>, _>(column)?.map(u32::try_from).transpose().map_err(wrong(column))
}

/// Makes a text from outside storable: Postgres text cannot hold U+0000.
pub(crate) fn printable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Converts a duration that is added to a timestamp to microseconds. At most a thousand years, which Postgres can hold.
pub(crate) fn micros(time: Duration) -> i64 {
    const MOST: i64 = 1_000 * 365 * 86_400 * 1_000_000;
    i64::try_from(time.as_micros()).unwrap_or(MOST).min(MOST)
}
