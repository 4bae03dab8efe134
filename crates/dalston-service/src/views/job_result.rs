//! The result of a job: whole, or what is said of it in short.

use dalston_engine::Summary;
use dalston_work::Job;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Where the row of a job says which transcript is its own.
const FENCE: &str = "fence";

/// The result of a job.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct JobResultView {
    /// The text, where the result is whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub text: Option<String>,
    /// The segments, where the result is whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<SegmentView>")]
    pub segments: Option<Vec<SegmentView>>,
    /// The words with times, where the result is whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<WordView>")]
    pub words: Option<Vec<WordView>>,
    /// What is said of it in short.
    #[serde(flatten)]
    pub summary: Option<ResultSummary>,
    /// Where the whole is, where it is not here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub hint: Option<String>,
}

/// A result in short. `segments` are counted, since the word stands for a list where the result is whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResultSummary {
    /// The language, as the engine found it or was told.
    pub language: Option<String>,
    /// Length of the audio in seconds.
    pub duration: Option<f64>,
    /// Seconds of speech in it.
    pub speech_duration: f64,
    /// How many segments there are.
    pub segment_count: u64,
    /// The engine.
    pub engine: String,
    /// The model that it used.
    pub model: Option<String>,
    /// What a reader must know: that there is no text, and why.
    pub note: Option<String>,
}

/// A piece of speech. Times are seconds from the start of the audio.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SegmentView {
    /// Where it begins.
    pub start: f64,
    /// Where it ends.
    pub end: f64,
    /// What was said; empty where the engine finds speech and does not write it down.
    pub text: String,
    /// How sure the engine is, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub confidence: Option<f64>,
}

/// A word. Times are seconds from the start of the audio.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WordView {
    /// The word.
    pub word: String,
    /// Where it begins.
    pub start: f64,
    /// Where it ends.
    pub end: f64,
    /// How sure the engine is, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub confidence: Option<f64>,
}

impl From<Summary> for ResultSummary {
    fn from(summary: Summary) -> Self {
        let Summary { engine, model, language, duration, speech_duration, segments, words: _, note } = summary;
        Self { language, duration, speech_duration, segment_count: segments, engine, model, note }
    }
}

impl From<ResultSummary> for JobResultView {
    fn from(summary: ResultSummary) -> Self {
        Self { summary: Some(summary), ..Self::default() }
    }
}

/// What the row says of a result: what is said of it in short, and where the transcript is.
pub(crate) fn stored(summary: &Summary, fence: u64) -> Value {
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
