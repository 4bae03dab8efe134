//! What an engine is.

use crate::{Segment, Summary};
use async_trait::async_trait;
use dalston_work::{Audio, JobOptions};
use std::{io, path::PathBuf};
use thiserror::Error;
use tokio::sync::watch;

/// Segments may end a little behind the audio.
const NEARLY: f64 = 0.99;

/// What an engine is to do.
#[derive(Debug, Clone, PartialEq)]
pub struct TranscriptionTask {
    /// The audio file, on this machine.
    pub audio: PathBuf,
    /// A folder for what the engine needs meanwhile; whoever asks deletes it.
    pub desk: PathBuf,
    /// What the client called it.
    pub filename: Option<String>,
    /// What it is, and how long, as far as it is known.
    pub about: Audio,
    /// How much of it may be taken.
    pub most: AudioBound,
    /// The model that is asked for.
    pub model: Option<String>,
    /// The language that is asked for.
    pub language: Option<String>,
    /// What else is asked for.
    pub options: JobOptions,
}

impl TranscriptionTask {
    /// How long the audio is, in seconds: what was counted; else what the engine says, as far as that can be; else where
    /// its last segment ends. Never more than may be taken, whatever the engine says.
    pub(crate) fn duration(&self, said: Option<f64>, end: f64) -> Option<f64> {
        let end = end.min(self.most.seconds);
        let said = said.filter(|said| *said > 0.0 && *said <= self.most.seconds && *said >= end * NEARLY);
        self.about.duration_seconds.or(said).or(Some(end).filter(|end| *end > 0.0))
    }
}

/// How much audio an engine may take of one file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AudioBound {
    /// In seconds.
    pub seconds: f64,
    /// What the client reads of audio that has more.
    pub exceeded: &'static str,
}

/// Where segments go as they are found, in order. It keeps none of them in memory.
pub trait Sink: Send {
    /// Takes a segment.
    fn segment(&mut self, segment: &Segment) -> io::Result<()>;

    /// Notes how far the engine has come, in thousandths.
    fn progress(&mut self, thousandths: u16);
}

/// Tells when to stop: it turns true once, and an engine looks at it often, or waits for it.
pub type StopFlag = watch::Receiver<bool>;

/// Why there is no transcript.
#[derive(Debug, Error)]
pub enum EngineError {
    /// It was told to stop, and has.
    #[error("stopped")]
    Stopped,
    /// It cannot do it now: unreachable, busy, out of time. Trying again may help. The text is for the log.
    #[error("the engine is not available: {0}")]
    Unavailable(String),
    /// The process that worked on it died: killed, out of memory or of time, or by a fault of its own. It may be the audio,
    /// or what ran beside it. The first text is constant and for the client, the second for the log.
    #[error("{0}: {1}")]
    Died(&'static str, String),
    /// It will never do it. The first text is constant and for the client, the second for the log.
    #[error("{0}: {1}")]
    Rejected(&'static str, String),
    /// The disk of this node.
    #[error("a file could not be read or written: {0}")]
    Io(#[from] io::Error),
}

/// What may be asked of an engine beside the audio.
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
    /// Times of words.
    Words,
    /// A translation into English instead of a transcript.
    Translation,
}

/// Whoever transcribes jobs.
#[async_trait]
pub trait Engine: Send + Sync {
    /// `vad`, `openai` or `command`: what `/status` shows.
    fn kind(&self) -> &'static str;

    /// Whether it decodes with this program's own decoders, and takes nothing else.
    fn is_built_in(&self) -> bool {
        false
    }

    /// Whether it does anything with this option, as far as that is known before it is asked.
    fn takes(&self, _option: EngineOption) -> bool {
        true
    }

    /// The models that clients may ask for; empty: it does not say.
    async fn models(&self) -> Vec<String>;

    /// Transcribes: segments into the sink, the rest as the answer.
    async fn transcribe(&self, work: &TranscriptionTask, sink: &mut dyn Sink, stop: StopFlag) -> Result<Summary, EngineError>;
}
