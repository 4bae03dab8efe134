//! Segments and words as engines write them: OpenAI's servers, whisper.cpp, faster-whisper, and ours.

use crate::{Segment, Word};
use serde::Deserialize;

/// A segment. All of it may be missing.
#[derive(Debug, Default, Deserialize)]
pub(super) struct RawSegment {
    start: Option<f64>,
    end: Option<f64>,
    text: Option<String>,
    /// whisper.cpp, in milliseconds.
    offsets: Option<Offsets>,
    words: Option<Vec<RawWord>>,
    confidence: Option<f64>,
    /// OpenAI: the mean of the logarithms of the probabilities.
    avg_logprob: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct Offsets {
    from: f64,
    to: f64,
}

/// A word.
#[derive(Debug, Deserialize)]
pub(super) struct RawWord {
    word: Option<String>,
    text: Option<String>,
    start: Option<f64>,
    end: Option<f64>,
    probability: Option<f64>,
    confidence: Option<f64>,
}

impl RawSegment {
    /// Whether it says when it is.
    pub(super) const fn has_times(&self) -> bool {
        self.offsets.is_some() || self.start.is_some() && self.end.is_some()
    }
}

impl From<RawSegment> for Segment {
    fn from(raw: RawSegment) -> Self {
        let offsets = raw.offsets.as_ref();
        let start = raw.start.or(offsets.map(|offsets| offsets.from / 1_000.0));
        let end = raw.end.or(offsets.map(|offsets| offsets.to / 1_000.0));
        Self {
            start: start.unwrap_or(f64::NAN),
            end: end.unwrap_or(f64::NAN),
            text: raw.text.unwrap_or_default(),
            confidence: raw.confidence.or(raw.avg_logprob.map(f64::exp)),
            words: raw.words.unwrap_or_default().into_iter().map(Word::from).collect(),
        }
    }
}

impl From<RawWord> for Word {
    fn from(raw: RawWord) -> Self {
        Self {
            word: raw.word.or(raw.text).unwrap_or_default(),
            start: raw.start.unwrap_or(f64::NAN),
            end: raw.end.unwrap_or(f64::NAN),
            confidence: raw.confidence.or(raw.probability),
        }
    }
}
