//! Converts between job rows and the types of the model.

use super::text;
use crate::{
    error::undecodable,
    row::{Statement, count, micros, parsed, parsed_if_any, time, time_if_any},
};
use dalston_model::FileName;
use dalston_work::{Audio, Job};
use serde_json::json;
use sqlx::{Row, sqlite::SqliteRow};

/// The columns that [`job`] reads and [`bind_job`] binds.
macro_rules! job_columns {
    () => {
        "id, tenant_id, status, filename, content_type, size_bytes, audio_format, audio_seconds, audio_sample_rate, \
         audio_channels, model, language, metadata, created_at, created_by, started_at, completed_at, error, result, \
         options, progress"
    };
}

pub(crate) use job_columns;

/// The job in a row.
pub(crate) fn job(row: &SqliteRow) -> sqlx::Result<Job> {
    let filename = row.try_get::<Option<&str>, _>("filename")?;
    let cleaned = filename.map(|name| FileName::clean(name).ok_or_else(|| undecodable("filename", "not a file name")));
    let options = row.try_get::<Option<&str>, _>("options")?.map(serde_json::from_str);
    let result = row.try_get::<Option<&str>, _>("result")?.map(serde_json::from_str);
    Ok(Job {
        id: parsed(row, "id")?,
        tenant: parsed(row, "tenant_id")?,
        status: parsed(row, "status")?,
        filename: cleaned.transpose()?,
        content_type: row.try_get("content_type")?,
        size_bytes: row.try_get("size_bytes")?,
        audio: Audio {
            format: row.try_get("audio_format")?,
            duration_seconds: row.try_get("audio_seconds")?,
            sample_rate: row.try_get("audio_sample_rate")?,
            channels: row.try_get("audio_channels")?,
        },
        model: row.try_get("model")?,
        language: row.try_get("language")?,
        options: options.transpose().map_err(|why| undecodable("options", why))?.unwrap_or_default(),
        metadata: parsed(row, "metadata")?,
        created_at: time(row, "created_at")?,
        created_by: parsed_if_any(row, "created_by")?,
        started_at: time_if_any(row, "started_at")?,
        completed_at: time_if_any(row, "completed_at")?,
        progress: row.try_get("progress")?,
        error: row.try_get("error")?,
        result: result.transpose().map_err(|why| undecodable("result", why))?,
    })
}

/// Binds the columns of a job.
pub(crate) fn bind_job<'q>(insert: Statement<'q>, job: &Job) -> Statement<'q> {
    insert
        .bind(job.id.to_string())
        .bind(job.tenant.to_string())
        .bind(job.status.as_str())
        .bind(text(job.filename.as_ref().map(FileName::as_str)))
        .bind(job.content_type.clone())
        .bind(count(job.size_bytes))
        .bind(job.audio.format.clone())
        .bind(job.audio.duration_seconds)
        .bind(job.audio.sample_rate)
        .bind(job.audio.channels)
        .bind(job.model.clone())
        .bind(job.language.clone())
        .bind(job.metadata.to_string())
        .bind(job.created_at.as_micros())
        .bind(text(job.created_by))
        .bind(micros(job.started_at))
        .bind(micros(job.completed_at))
        .bind(job.error.clone())
        .bind(text(job.result.as_ref()))
        .bind(json!(job.options).to_string())
        .bind(job.progress)
}
