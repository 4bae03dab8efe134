//! A transcription job.

use crate::{AudioAmount, JobId, UsageAccount, UsageSource};
use dalston_model::{Actor, Day, FileName, IdError, KeyId, Metadata, TenantId, Timestamp};
use serde_json::Value;
use std::{fmt, str::FromStr};

/// Where a job is. `pending → running → completed | failed`, `pending → cancelled`, `running → cancelling → cancelled`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobStatus {
    /// Waits for an engine.
    Pending,
    /// An engine works on it.
    Running,
    /// The engine was asked to stop.
    Cancelling,
    /// Done.
    Completed,
    /// Ended with an error.
    Failed,
    /// Ended by a caller.
    Cancelled,
}

impl JobStatus {
    /// Every status.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Running, Self::Cancelling, Self::Completed, Self::Failed, Self::Cancelled];

    /// The name on the wire.
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

    /// Whether nothing will happen to the job any more.
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// What a cancel makes of it; `None` when it has ended already.
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

/// What the audio is, read from its headers. What is not known is `None`.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Audio {
    /// The container: `wav`, `mp3`, `flac`, `ogg`, …
    pub format: String,
    /// Length in seconds.
    pub duration_seconds: Option<f64>,
    /// Frames per second.
    pub sample_rate: Option<u32>,
    /// Number of channels.
    pub channels: Option<u32>,
}

/// What is asked of the engine besides model and language.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct JobOptions {
    /// Into English, whatever the language.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub translate: bool,
    /// Whether the client wants to know when each word was said.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub words: bool,
    /// Words that the audio may hold, to be spelt so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// How free the engine is, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
}

/// A job, as stores keep it. Its audio is a file named by its id.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its id, for life.
    pub id: JobId,
    /// The tenant that it belongs to.
    pub tenant: TenantId,
    /// Where it is.
    pub status: JobStatus,
    /// What the client called the file.
    pub filename: Option<FileName>,
    /// What the client said that the file is.
    pub content_type: Option<String>,
    /// Length of the file in bytes.
    pub size_bytes: u64,
    /// What the file is.
    pub audio: Audio,
    /// The model that the client asked for.
    pub model: Option<String>,
    /// The language that the client asked for.
    pub language: Option<String>,
    /// What is asked for besides.
    pub options: JobOptions,
    /// The client's own object.
    pub metadata: Metadata,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: Option<Actor>,
    /// When an engine began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// How far its engine has come, in thousandths.
    pub progress: Option<u16>,
    /// Why it failed, or why the last attempt did.
    pub error: Option<String>,
    /// What came out, in short: language, duration, engine. The transcript itself is a file, like the audio.
    pub result: Option<Value>,
}

impl Job {
    /// The key that made it, if one did.
    pub fn key(&self) -> Option<KeyId> {
        self.created_by.and_then(Actor::key)
    }

    /// The length of its audio in seconds: what was found when it was transcribed, until then what its file tells.
    pub fn seconds(&self) -> Option<f64> {
        let found = self.result.as_ref().and_then(|result| result["duration"].as_f64());
        found.filter(|seconds| *seconds > 0.0).or(self.audio.duration_seconds)
    }

    /// What is reserved for it when it is made: the length of its audio, else the rest of the day.
    pub fn amount(&self) -> AudioAmount {
        match self.audio.duration_seconds {
            Some(_) => AudioAmount::Whole(self.audio_ms()),
            None => AudioAmount::Rest,
        }
    }

    /// The length of its audio in milliseconds, rounded up. 0 when it is not known.
    pub fn audio_ms(&self) -> u64 {
        let millis = self.audio.duration_seconds.unwrap_or_default() * 1_000.0;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, and NaN is 0")]
        let millis = millis.ceil() as u64;
        millis.min(u64::from(u32::MAX))
    }

    /// The account that its audio is reserved on.
    pub fn account(&self) -> UsageAccount {
        UsageAccount {
            tenant: self.tenant.clone(),
            key: self.key(),
            day: Day::of(self.created_at),
            of: UsageSource::Jobs,
        }
    }
}
