//! The result of a job: the full result, or its summary.

use dalston_engine::Summary;
use dalston_work::Job;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The field of the job's row that identifies the job's transcript.
const FENCE: &str = "fence";

/// The result of a job.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct JobResultView {
    /// The text, if the result is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub text: Option<String>,
    /// The segments, if the result is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<SegmentView>")]
    pub segments: Option<Vec<SegmentView>>,
    /// The words with timestamps, if the result is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<WordView>")]
    pub words: Option<Vec<WordView>>,
    /// The summary.
    #[serde(flatten)]
    pub summary: Option<ResultSummary>,
    /// Where to get the complete result, if it is not here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub hint: Option<String>,
}

/// The summary of a result. The field is `segment_count`, since `segments` is the list of a complete result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResultSummary {
    /// The language, as detected by the engine or requested.
    pub language: Option<String>,
    /// Duration of the audio in seconds.
    pub duration: Option<f64>,
    /// Duration of the speech in seconds.
    pub speech_duration: f64,
    /// Number of segments.
    pub segment_count: u64,
    /// The engine.
    pub engine: String,
    /// The model that the engine used.
    pub model: Option<String>,
    /// What a reader must know: that there is no text, and why.
    pub note: Option<String>,
}

/// A segment of speech. Times are seconds from the start of the audio.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SegmentView {
    /// When the segment begins.
    pub start: f64,
    /// When the segment ends.
    pub end: f64,
    /// The text; empty if the engine detects speech without transcribing it.
    pub text: String,
    /// The engine's confidence, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub confidence: Option<f64>,
}

/// A word. Times are seconds from the start of the audio.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WordView {
    /// The word.
    pub word: String,
    /// When the word begins.
    pub start: f64,
    /// When the word ends.
    pub end: f64,
    /// The engine's confidence, from 0 to 1.
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

/// Encodes the result for the job's row: the summary, and the fence that identifies the transcript.
pub(crate) fn stored(summary: &Summary, fence: u64) -> Value {
    let mut result = json!(summary);
    result[FENCE] = fence.into();
    result
}

/// Returns the summary of a completed job's transcript.
pub(crate) fn summary(job: &Job) -> Option<Summary> {
    serde_json::from_value(job.result.clone()?).ok()
}

/// Returns the fence of the lease under which a completed job's transcript was written.
pub(crate) fn fence(job: &Job) -> Option<u64> {
    job.result.as_ref()?[FENCE].as_u64()
}
