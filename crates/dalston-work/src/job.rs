//! A transcription job.

use crate::{AudioAmount, JobId, UsageAccount, UsageSource};
use dalston_model::{Actor, Day, FileName, IdError, KeyId, Metadata, TenantId, Timestamp};
use serde_json::Value;
use std::{fmt, str::FromStr};

/// Status of a job: `pending → running → completed | failed`, `pending → cancelled`, `running → cancelling →
/// cancelled`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobStatus {
    /// Waiting for an engine.
    Pending,
    /// Being processed by an engine.
    Running,
    /// Running, and the engine was requested to stop.
    Cancelling,
    /// Completed successfully.
    Completed,
    /// Failed with an error.
    Failed,
    /// Cancelled by a caller.
    Cancelled,
}

impl JobStatus {
    /// Every status.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Running, Self::Cancelling, Self::Completed, Self::Failed, Self::Cancelled];

    /// Returns the name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Cancelling => "cancelling",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Returns whether the status is final.
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// Returns the status after a cancel request; `None` when the job has already ended.
    pub const fn cancelled(self) -> Option<Self> {
        match self {
            Self::Pending => Some(Self::Cancelled),
            Self::Running | Self::Cancelling => Some(Self::Cancelling),
            Self::Completed | Self::Failed | Self::Cancelled => None,
        }
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for JobStatus {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(IdError)
    }
}

/// Properties of the audio, read from its headers. Unknown ones are `None`.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Audio {
    /// Container format: `wav`, `mp3`, `flac`, `ogg`, …
    pub format: String,
    /// Length in seconds.
    pub duration_seconds: Option<f64>,
    /// Frames per second.
    pub sample_rate: Option<u32>,
    /// Number of channels.
    pub channels: Option<u32>,
}

/// Engine options of a job, apart from model and language.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct JobOptions {
    /// Translates into English, whatever the source language.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub translate: bool,
    /// Whether the client requests word timestamps.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub words: bool,
    /// Words that may occur in the audio, as a hint for their spelling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// Sampling temperature, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
}

/// A job as stores keep it. Its audio is a file named by the job's id.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Permanent id.
    pub id: JobId,
    /// Tenant that owns the job.
    pub tenant: TenantId,
    /// Status.
    pub status: JobStatus,
    /// File name given by the client.
    pub filename: Option<FileName>,
    /// Media type given by the client.
    pub content_type: Option<String>,
    /// Size of the file in bytes.
    pub size_bytes: u64,
    /// Properties of the audio.
    pub audio: Audio,
    /// Model requested by the client.
    pub model: Option<String>,
    /// Language requested by the client.
    pub language: Option<String>,
    /// Other engine options.
    pub options: JobOptions,
    /// Metadata object of the client, opaque to the gateway.
    pub metadata: Metadata,
    /// Time of creation.
    pub created_at: Timestamp,
    /// Actor that created the job.
    pub created_by: Option<Actor>,
    /// Time at which an engine first started.
    pub started_at: Option<Timestamp>,
    /// Time at which the job ended.
    pub completed_at: Option<Timestamp>,
    /// Progress in thousandths.
    pub progress: Option<u16>,
    /// Error of the job, or of its last attempt.
    pub error: Option<String>,
    /// Summary of the result: language, duration, engine. The transcript itself is a file, like the audio.
    pub result: Option<Value>,
}

impl Job {
    /// Returns the key that created the job, if a key did.
    pub fn key(&self) -> Option<KeyId> {
        self.created_by.and_then(Actor::key)
    }

    /// Returns the length of the audio in seconds: the one measured by the transcription, else the one from the file's
    /// headers.
    pub fn seconds(&self) -> Option<f64> {
        let found = self.result.as_ref().and_then(|result| result["duration"].as_f64());
        found.filter(|seconds| *seconds > 0.0).or(self.audio.duration_seconds)
    }

    /// Returns the amount of audio to reserve at creation: the length of the audio, or the rest of the day's quota when
    /// the length is unknown.
    pub fn amount(&self) -> AudioAmount {
        match self.audio.duration_seconds {
            Some(_) => AudioAmount::Whole(self.audio_ms()),
            None => AudioAmount::Rest,
        }
    }

    /// Returns the length of the audio in milliseconds, rounded up. 0 when it is unknown.
    pub fn audio_ms(&self) -> u64 {
        let millis = self.audio.duration_seconds.unwrap_or_default() * 1_000.0;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, and NaN is 0")]
        let millis = millis.ceil() as u64;
        millis.min(u64::from(u32::MAX))
    }

    /// Returns the account on which the audio is reserved.
    pub fn account(&self) -> UsageAccount {
        UsageAccount {
            tenant: self.tenant.clone(),
            key: self.key(),
            day: Day::of(self.created_at),
            of: UsageSource::Jobs,
        }
    }
}
