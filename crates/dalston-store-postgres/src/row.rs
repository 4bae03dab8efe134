//! Rows as things of the model: the columns of each, once, and how they are read.

use crate::moment::Moment;
use dalston_model::{
    AuditHash, AuditRecord, Delivery, DeliveryId, FileName, Job, JobId, Key, KeyId, RateLimit, RateLimitError, Tenant,
    Timestamp, Webhook, WebhookId,
};
use dalston_store::UsedKey;
use sqlx::{Row, postgres::PgRow, types::Json};
use std::{error::Error, str::FromStr};

macro_rules! tenant_columns {
    () => {
        "id, name, created_at, retention_days"
    };
}

macro_rules! key_columns {
    () => {
        "id, tenant_id, prefix, name, description, scopes, rate_limit, enabled, created_at, created_by, expires_at, \
         revoked_at, metadata"
    };
}

/// With a subquery, not a join: only the rows of the page look up their use, whatever the planner thinks.
macro_rules! used_key_columns {
    () => {
        concat!(key_columns!(), ", (SELECT last_used_at FROM key_usage WHERE key_id = id) AS last_used_at")
    };
}

macro_rules! job_columns {
    () => {
        "id, tenant_id, status, filename, content_type, size_bytes, audio, model, language, metadata, created_at, \
         created_by, started_at, completed_at, error, result, options, progress"
    };
}

/// Of a job and of its place in the queue.
macro_rules! queued_job_columns {
    () => {
        concat!(job_columns!(), ", fence, reserved_ms, deaths")
    };
}

/// Without the secrets.
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

macro_rules! audit_columns {
    () => {
        "seq, time, tenant_id, actor_kind, actor_id, door, action, target_kind, target_id, address, request_id, detail, \
         hash"
    };
}

pub(crate) use {
    audit_columns, delivery_columns, job_columns, key_columns, queued_job_columns, tenant_columns, used_key_columns,
    webhook_columns,
};

/// A job with its place in the queue.
pub(crate) struct QueuedJob {
    pub(crate) job: Job,
    pub(crate) fence: u64,
    pub(crate) reserved_ms: u64,
    /// How often what worked on it died.
    pub(crate) deaths: u64,
}

/// A row of `tenant_columns`.
pub(crate) fn tenant(row: &PgRow) -> sqlx::Result<Tenant> {
    Ok(Tenant {
        id: parsed(row, "id")?,
        name: parsed_option(row, "name")?,
        created_at: time(row, "created_at")?,
        retention_days: narrow_option(row, "retention_days")?,
    })
}

/// A row of `key_columns`.
pub(crate) fn key(row: &PgRow) -> sqlx::Result<Key> {
    Ok(Key {
        id: KeyId::from_uuid(row.try_get("id")?),
        tenant: parsed(row, "tenant_id")?,
        prefix: row.try_get("prefix")?,
        name: parsed(row, "name")?,
        description: parsed_option(row, "description")?,
        scopes: parsed(row, "scopes")?,
        rate_limit: rate_limit(row)?,
        enabled: row.try_get("enabled")?,
        created_at: time(row, "created_at")?,
        created_by: parsed_option(row, "created_by")?,
        expires_at: time_option(row, "expires_at")?,
        revoked_at: time_option(row, "revoked_at")?,
        metadata: row.try_get("metadata").map(|Json(value)| value)?,
    })
}

/// A row of `used_key_columns`.
pub(crate) fn used_key(row: &PgRow) -> sqlx::Result<UsedKey> {
    Ok(UsedKey { key: key(row)?, last_used_at: time_option(row, "last_used_at")? })
}

/// A row of `job_columns`.
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

/// A row of `queued_job_columns`.
pub(crate) fn queued_job(row: &PgRow) -> sqlx::Result<QueuedJob> {
    Ok(QueuedJob {
        job: job(row)?,
        fence: count(row, "fence")?,
        reserved_ms: count(row, "reserved_ms")?,
        deaths: count(row, "deaths")?,
    })
}

/// A row of `webhook_columns`.
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

/// When the secret before the current one ends, if there is one, and the time now.
pub(crate) fn overlap(row: &PgRow) -> sqlx::Result<(Option<Timestamp>, Timestamp)> {
    Ok((time_option(row, "until")?, time(row, "now")?))
}

/// What a webhook hears, as its row holds it.
pub(crate) fn events(webhook: &Webhook) -> Vec<&'static str> {
    webhook.events.iter().map(|kind| kind.as_str()).collect()
}

/// A row of `delivery_columns`.
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

/// A row of `audit_columns`.
pub(crate) fn audit(row: &PgRow) -> sqlx::Result<AuditRecord> {
    Ok(AuditRecord {
        seq: count(row, "seq")?,
        time: time(row, "time")?,
        tenant_id: row.try_get("tenant_id")?,
        actor_kind: row.try_get("actor_kind")?,
        actor_id: row.try_get("actor_id")?,
        door: row.try_get("door")?,
        action: row.try_get("action")?,
        target_kind: row.try_get("target_kind")?,
        target_id: row.try_get("target_id")?,
        address: row.try_get("address")?,
        request_id: row.try_get("request_id")?,
        detail: row.try_get("detail").map(|Json(value)| value)?,
        hash: hash(row, "hash")?,
    })
}

/// A link, or none.
pub(crate) fn hash(row: &PgRow, column: &'static str) -> sqlx::Result<Option<AuditHash>> {
    let bytes = row.try_get::<Option<&[u8]>, _>(column)?.map(<[u8; 32]>::try_from);
    Ok(bytes.transpose().map_err(wrong(column))?.map(AuditHash::new))
}

/// A number that is counted.
pub(crate) fn count(row: &PgRow, column: &'static str) -> sqlx::Result<u64> {
    u64::try_from(row.try_get::<i64, _>(column)?).map_err(wrong(column))
}

/// A number that is counted, and not high.
pub(crate) fn narrow(row: &PgRow, column: &'static str) -> sqlx::Result<u32> {
    u32::try_from(row.try_get::<i64, _>(column)?).map_err(wrong(column))
}

/// The same, or none.
pub(crate) fn narrow_option(row: &PgRow, column: &'static str) -> sqlx::Result<Option<u32>> {
    row.try_get::<Option<i64>, _>(column)?.map(u32::try_from).transpose().map_err(wrong(column))
}

/// A number that is counted, as Postgres holds it.
pub(crate) fn bigint(count: u64) -> sqlx::Result<i64> {
    i64::try_from(count).map_err(|error| sqlx::Error::Encode(error.into()))
}

/// A text that comes from outside, as Postgres holds it: it has no U+0000.
pub(crate) fn printable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A moment.
pub(crate) fn time(row: &PgRow, column: &'static str) -> sqlx::Result<Timestamp> {
    row.try_get(column).map(|Moment(at)| at)
}

/// A moment, or none.
pub(crate) fn time_option(row: &PgRow, column: &'static str) -> sqlx::Result<Option<Timestamp>> {
    Ok(row.try_get::<Option<Moment>, _>(column)?.map(|Moment(at)| at))
}

/// What a text stands for.
pub(crate) fn parsed<T: FromStr<Err: Error + Send + Sync + 'static>>(
    row: &PgRow,
    column: &'static str,
) -> sqlx::Result<T> {
    row.try_get::<&str, _>(column)?.parse().map_err(wrong(column))
}

/// What a text stands for, or none.
pub(crate) fn parsed_option<T: FromStr<Err: Error + Send + Sync + 'static>>(
    row: &PgRow,
    column: &'static str,
) -> sqlx::Result<Option<T>> {
    row.try_get::<Option<&str>, _>(column)?.map(str::parse).transpose().map_err(wrong(column))
}

fn rate_limit(row: &PgRow) -> sqlx::Result<Option<RateLimit>> {
    let limit = |limit: i32| u32::try_from(limit).map_err(|_| RateLimitError).and_then(RateLimit::new);
    row.try_get::<Option<i32>, _>("rate_limit")?.map(limit).transpose().map_err(wrong("rate_limit"))
}

/// The column holds what the model does not allow.
fn wrong<E: Error + Send + Sync + 'static>(column: &'static str) -> impl FnOnce(E) -> sqlx::Error {
    move |error| sqlx::Error::ColumnDecode { index: column.to_owned(), source: Box::new(error) }
}
