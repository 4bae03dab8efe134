//! Data types of a transcript: its segments, which are written and read one by one, and its summary.

use serde::{Deserialize, Serialize};

/// A segment of speech. Times are seconds from the start of the audio.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Its start.
    pub start: f64,
    /// Its end.
    pub end: f64,
    /// The transcribed text; empty when the engine detects speech but does not transcribe it.
    pub text: String,
    /// Confidence of the engine, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// Its words, if the engine returns them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<Word>,
}

/// A word of a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// The word.
    pub word: String,
    /// Its start, in seconds.
    pub start: f64,
    /// Its end, in seconds.
    pub end: f64,
    /// Confidence of the engine, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
}

/// Summary of a transcript, stored in the row of the job. The segments are stored in a file of JSON lines.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Summary {
    /// The kind of the engine: `vad`, `openai` or `command`.
    pub engine: String,
    /// The model that the engine used, if any.
    pub model: Option<String>,
    /// The language, as the engine detected it or as the client requested it.
    pub language: Option<String>,
    /// Duration of the audio in seconds, if it is known.
    pub duration: Option<f64>,
    /// Total duration of the segments in seconds.
    pub speech_duration: f64,
    /// Number of segments.
    pub segments: u64,
    /// Number of words with times.
    #[serde(default)]
    pub words: u64,
    /// A note for readers: that there is no text, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
