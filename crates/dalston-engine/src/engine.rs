//! The [`Engine`] trait, and what an engine receives and returns.

use crate::{Segment, Summary};
use async_trait::async_trait;
use dalston_work::{Audio, JobOptions};
use std::{io, path::PathBuf};
use thiserror::Error;
use tokio::sync::watch;

/// Minimum ratio of a reported duration to the end of the last segment: segments may end slightly after the audio.
const NEARLY: f64 = 0.99;

/// One transcription task for an engine.
#[derive(Debug, Clone, PartialEq)]
pub struct TranscriptionTask {
    /// Path of the audio file on this machine.
    pub audio: PathBuf,
    /// A directory for the engine's temporary files. The caller deletes it.
    pub work_dir: PathBuf,
    /// The file name that the client sent.
    pub filename: Option<String>,
    /// Format and duration of the audio, as far as they are known.
    pub about: Audio,
    /// The maximum duration of audio that the engine may process.
    pub most: AudioBound,
    /// The model that the client requested.
    pub model: Option<String>,
    /// The language that the client requested.
    pub language: Option<String>,
    /// The other options that the client requested.
    pub options: JobOptions,
}

impl TranscriptionTask {
    /// Returns the duration of the audio in seconds: the counted one; else the one that the engine reported (`said`),
    /// if it is plausible; else the end of the last segment (`end`). The two that come from the engine never exceed the
    /// allowed maximum.
    pub(crate) fn duration(&self, said: Option<f64>, end: f64) -> Option<f64> {
        let end = end.min(self.most.seconds);
        let said = said.filter(|said| *said > 0.0 && *said <= self.most.seconds && *said >= end * NEARLY);
        self.about.duration_seconds.or(said).or(Some(end).filter(|end| *end > 0.0))
    }
}

/// Maximum duration of audio that an engine may process of one file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AudioBound {
    /// The maximum, in seconds.
    pub seconds: f64,
    /// The error message for the client when the audio is longer.
    pub exceeded: &'static str,
}

/// Receives segments in order, as the engine finds them. An implementation keeps none of them in memory.
pub trait Sink: Send {
    /// Writes a segment.
    fn segment(&mut self, segment: &Segment) -> io::Result<()>;

    /// Records the engine's progress, in thousandths.
    fn progress(&mut self, thousandths: u16);
}

/// Stop flag: turns true once, when the engine must stop. An engine polls it often, or waits for it.
pub type StopFlag = watch::Receiver<bool>;

/// Why an engine returned no transcript.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The engine stopped because the stop flag was set.
    #[error("stopped")]
    Stopped,
    /// The engine is temporarily unavailable: unreachable, busy, or timed out. A retry may succeed. The text is for the
    /// log.
    #[error("the engine is not available: {0}")]
    Unavailable(String),
    /// The process that did the work died: it was killed, exceeded its memory or time limit, or crashed. The audio may
    /// be the cause, or other load on the machine. The first text is constant and for the client, the second for the
    /// log.
    #[error("{0}: {1}")]
    Died(&'static str, String),
    /// Permanent failure: a retry cannot succeed. The first text is constant and for the client, the second for the
    /// log.
    #[error("{0}: {1}")]
    Rejected(&'static str, String),
    /// An I/O error on this node's disk.
    #[error("a file could not be read or written: {0}")]
    Io(#[from] io::Error),
}

/// The options that a client may set beside the audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineOption {
    /// A model.
    Model,
    /// A language.
    Language,
    /// A prompt.
    Prompt,
    /// A temperature.
    Temperature,
    /// Word timestamps.
    Words,
    /// A translation into English instead of a transcript.
    Translation,
}

/// A transcription engine: turns the audio of a job into segments.
#[async_trait]
pub trait Engine: Send + Sync {
    /// The engine's kind as `/status` shows it: `vad`, `openai` or `command`.
    fn kind(&self) -> &'static str;

    /// Whether the engine decodes with this program's own decoders, and therefore supports only the formats that they
    /// decode.
    fn is_built_in(&self) -> bool {
        false
    }

    /// Whether the engine supports this option, as far as that is known without sending a request.
    fn takes(&self, _option: EngineOption) -> bool {
        true
    }

    /// Returns the models that clients may request. Empty when the engine lists none.
    async fn models(&self) -> Vec<String>;

    /// Transcribes the audio: writes segments into `sink` and returns the summary.
    async fn transcribe(
        &self,
        work: &TranscriptionTask,
        sink: &mut dyn Sink,
        stop: StopFlag,
    ) -> Result<Summary, EngineError>;
}
