//! How things look to clients: the JSON of API.md §5, the same at every door.

use crate::Meter;
use dalston_engine::Summary;
use dalston_model::{Audio, AuditRecord, Day, Delivery, EventKind, Job, MeteredDay, Quota, Tenant, Usage, Webhook};
use dalston_store::UsedKey;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Where the row of a job says which transcript is its own.
const FENCE: &str = "fence";

/// A key without its secrets.
pub fn key(used: &UsedKey) -> Value {
    let key = &used.key;
    json!({
        "id": key.id.to_string(),
        "prefix": key.prefix,
        "name": key.name,
        "description": key.description,
        "tenant_id": key.tenant.as_str(),
        "scopes": key.scopes,
        "rate_limit": key.rate_limit,
        "enabled": key.enabled,
        "created_at": key.created_at,
        "created_by": key.created_by.map(|actor| actor.to_string()),
        "last_used_at": used.last_used_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "metadata": key.metadata,
    })
}

/// What is known of a key's use: requests and audio of each day that had any.
pub fn usage(id: &str, usage: &Usage, meter: &Meter) -> Value {
    let mut days: BTreeMap<Day, (u64, Option<&MeteredDay>)> =
        usage.days.iter().map(|(day, requests)| (*day, (*requests, None))).collect();
    for metered in &meter.days {
        days.entry(metered.day).or_default().1 = Some(metered);
    }
    let day = |(day, (requests, metered)): (Day, (u64, Option<&MeteredDay>))| json!({"date": day.to_string(), "requests": requests, "audio_seconds": audio_seconds(metered)});
    let days: Vec<Value> = days.into_iter().rev().map(day).collect();
    json!({
        "id": id,
        "usage_count": usage.usage_count,
        "last_used_at": usage.last_used_at,
        "last_used_from": usage.last_used_from,
        "refused": usage.refused,
        "days": days,
        "quota": quota(meter),
    })
}

/// The audio of a tenant.
pub fn meter(meter: &Meter) -> Value {
    let day = |day: &MeteredDay| json!({"date": day.day.to_string(), "audio_seconds": audio_seconds(Some(day))});
    json!({"quota": quota(meter), "days": meter.days.iter().map(day).collect::<Value>()})
}

/// What a key or a tenant may, and what is left of it today.
pub fn quota(meter: &Meter) -> Value {
    let Quota { seconds_per_day, concurrent_jobs, concurrent_streams } = meter.quota;
    json!({
        "seconds_per_day": seconds_per_day,
        "seconds_left_today": meter.seconds_left(),
        "concurrent_jobs": concurrent_jobs,
        "concurrent_streams": concurrent_streams,
    })
}

fn audio_seconds(day: Option<&MeteredDay>) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "2^53 milliseconds are 285,000 years")]
    let seconds = |ms: u64| ms as f64 / 1_000.0;
    let (jobs, streams) = day.map_or((0, 0), |day| (day.jobs_ms, day.streams_ms));
    json!({"jobs": seconds(jobs), "streams": seconds(streams)})
}

/// A tenant.
pub fn tenant(tenant: &Tenant) -> Value {
    json!({
        "id": tenant.id.as_str(),
        "name": tenant.name,
        "created_at": tenant.created_at,
        "retention_days": tenant.retention_days,
    })
}

/// A webhook without its secrets.
pub fn webhook(webhook: &Webhook) -> Value {
    let events: Vec<&str> = webhook.events.iter().copied().map(EventKind::as_str).collect();
    json!({
        "id": webhook.id.to_string(),
        "tenant_id": webhook.tenant.as_str(),
        "url": webhook.url,
        "description": webhook.description,
        "events": events,
        "enabled": webhook.enabled,
        "disabled_at": webhook.disabled_at,
        "created_at": webhook.created_at,
        "created_by": webhook.created_by.map(|actor| actor.to_string()),
        "last_success_at": webhook.last_success_at,
        "failed_deliveries": webhook.exhausted,
    })
}

/// A delivery, with what it is about but not all that is sent.
pub fn delivery(delivery: &Delivery) -> Value {
    let body: Value = serde_json::from_str(&delivery.body).unwrap_or_default();
    json!({
        "id": delivery.id.to_string(),
        "webhook_id": delivery.webhook.to_string(),
        "type": delivery.kind.as_str(),
        "transcription_id": body["data"]["transcription_id"],
        "status": delivery.status.as_str(),
        "attempts": delivery.attempts,
        "created_at": delivery.created_at,
        "next_at": delivery.next_at,
        "last_at": delivery.last_at,
        "last_status": delivery.last_status,
        "last_error": delivery.last_error,
    })
}

/// A record of the audit log.
pub fn audit(record: &AuditRecord) -> Value {
    json!({
        "seq": record.seq,
        "time": record.time,
        "tenant_id": record.tenant_id,
        "actor": {"kind": record.actor_kind, "id": record.actor_id},
        "door": record.door,
        "action": record.action,
        "target": {"kind": record.target_kind, "id": record.target_id},
        "address": record.address,
        "request_id": record.request_id,
        "detail": record.detail,
        "hash": record.hash,
    })
}

/// A job. Of its result what is said of it in short.
pub fn job(job: &Job) -> Value {
    json!({
        "id": job.id.to_string(),
        "tenant_id": job.tenant.as_str(),
        "status": job.status.as_str(),
        "filename": job.filename.as_ref().map(dalston_model::FileName::as_str),
        "content_type": job.content_type,
        "size_bytes": job.size_bytes,
        "audio": Audio { duration_seconds: job.seconds(), ..job.audio.clone() },
        "model": job.model,
        "language": job.language,
        "metadata": job.metadata,
        "created_at": job.created_at,
        "created_by": job.created_by.map(|actor| actor.to_string()),
        "started_at": job.started_at,
        "completed_at": job.completed_at,
        "progress": job.progress.map(|thousandths| f64::from(thousandths) / 1_000.0),
        "error": job.error,
        "result": summary(job).map(brief),
    })
}

/// What the row says of a result: what is said of it in short, and where the transcript is.
pub(crate) fn result(summary: &Summary, fence: u64) -> Value {
    let mut result = json!(summary);
    result[FENCE] = fence.into();
    result
}

/// What is said of the transcript of a completed job.
pub(crate) fn summary(job: &Job) -> Option<Summary> {
    serde_json::from_value(job.result.clone()?).ok()
}

/// The fence of the lease that the transcript of a completed job was written under.
pub(crate) fn fence(job: &Job) -> Option<u64> {
    job.result.as_ref()?[FENCE].as_u64()
}

/// A result in short: `segments` are counted, since the word stands for a list where the result is whole.
pub(crate) fn brief(summary: Summary) -> Value {
    let Summary { engine, model, language, duration, speech_duration, segments, words: _, note } = summary;
    json!({
        "language": language,
        "duration": duration,
        "speech_duration": speech_duration,
        "segment_count": segments,
        "engine": engine,
        "model": model,
        "note": note,
    })
}
