//! A transcript: its segments, which are written and read one by one, and what is said of it in short.

use serde::{Deserialize, Serialize};

/// A piece of speech. Times are seconds from the start of the audio.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Where it begins.
    pub start: f64,
    /// Where it ends.
    pub end: f64,
    /// What was said; empty where the engine finds speech and does not write it down.
    pub text: String,
    /// How sure the engine is, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// Its words, where the engine tells them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<Word>,
}

/// A word of a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// The word.
    pub word: String,
    /// Where it begins, in seconds.
    pub start: f64,
    /// Where it ends, in seconds.
    pub end: f64,
    /// How sure the engine is, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
}

/// What is said of a transcript in short: what the row of the job keeps. The segments are a file of JSON lines.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Summary {
    /// The engine: `vad`, `openai` or `command`.
    pub engine: String,
    /// The model that it used, if it has any.
    pub model: Option<String>,
    /// The language, as the engine found it or was told.
    pub language: Option<String>,
    /// Length of the audio in seconds, if it is known.
    pub duration: Option<f64>,
    /// Seconds of speech in it: the segments together.
    pub speech_duration: f64,
    /// How many segments there are.
    pub segments: u64,
    /// How many words with times there are.
    #[serde(default)]
    pub words: u64,
    /// What a reader must know: that there is no text, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
