use crate::{JobResultView, ResultSummary, views::summary};
use dalston_model::Timestamp;
use dalston_work::{Audio, Job};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A transcription job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JobView {
    /// The job's permanent id.
    pub id: String,
    /// The tenant that the job belongs to.
    pub tenant_id: String,
    /// The state of the job.
    pub status: String,
    /// The file name given by the client.
    pub filename: Option<String>,
    /// The media type given by the client.
    pub content_type: Option<String>,
    /// Size of the file in bytes.
    pub size_bytes: u64,
    /// The properties of the audio.
    pub audio: AudioView,
    /// The model that the client requested.
    pub model: Option<String>,
    /// The language that the client requested.
    pub language: Option<String>,
    /// The client's own object.
    pub metadata: Map<String, Value>,
    /// When the job was created.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub created_at: Timestamp,
    /// Who created the job.
    pub created_by: Option<String>,
    /// When an engine started.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub started_at: Option<Timestamp>,
    /// When the job ended.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub completed_at: Option<Timestamp>,
    /// The engine's progress, from 0 to 1.
    pub progress: Option<f64>,
    /// Why the job failed, or why the last attempt failed.
    pub error: Option<String>,
    /// The result; null until the job is completed.
    pub result: Option<JobResultView>,
}

/// The properties of an audio file. Unknown values are null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AudioView {
    /// The container format.
    pub format: String,
    /// Duration in seconds.
    pub duration_seconds: Option<f64>,
    /// Frames per second.
    pub sample_rate: Option<u32>,
    /// Number of channels.
    pub channels: Option<u32>,
}

impl From<&Job> for JobView {
    /// Creates the view, with the summary as its result.
    fn from(job: &Job) -> Self {
        let Audio { format, duration_seconds: _, sample_rate, channels } = &job.audio;
        Self {
            id: job.id.to_string(),
            tenant_id: job.tenant.to_string(),
            status: job.status.as_str().to_owned(),
            filename: job.filename.as_ref().map(|name| name.as_str().to_owned()),
            content_type: job.content_type.clone(),
            size_bytes: job.size_bytes,
            audio: AudioView {
                format: format.clone(),
                duration_seconds: job.seconds(),
                sample_rate: *sample_rate,
                channels: *channels,
            },
            model: job.model.clone(),
            language: job.language.clone(),
            metadata: job.metadata.as_object().clone(),
            created_at: job.created_at,
            created_by: job.created_by.map(|actor| actor.to_string()),
            started_at: job.started_at,
            completed_at: job.completed_at,
            progress: job.progress.map(|thousandths| f64::from(thousandths) / 1_000.0),
            error: job.error.clone(),
            result: summary(job).map(|summary| ResultSummary::from(summary).into()),
        }
    }
}
