//! Segments and words as engines write them: OpenAI's servers, whisper.cpp, faster-whisper, and Dalston.

use super::{
    lenient::{Few, Object, Part},
    loose::Loose,
};
use crate::{Segment, Word};
use serde::Deserialize;

/// Maximum number of words of one segment that are held in memory.
pub(super) const MOST_WORDS: usize = 2_000;

/// A segment. Every member is optional.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawSegment {
    start: Loose,
    end: Loose,
    text: Loose,
    /// whisper.cpp: times in milliseconds.
    offsets: Object<Offsets>,
    words: Few<Object<RawWord>, MOST_WORDS>,
    confidence: Loose,
    /// OpenAI: the mean of the log probabilities.
    avg_logprob: Loose,
    error: Loose,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Offsets {
    from: Loose,
    to: Loose,
}

/// A word. Every member is optional.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawWord {
    word: Loose,
    text: Loose,
    start: Loose,
    end: Loose,
    probability: Loose,
    confidence: Loose,
}

impl Part for Offsets {}

impl Part for RawSegment {
    fn from_text(text: &str) -> Self {
        Self { text: Loose::Text(text.to_owned()), ..Self::default() }
    }
}

impl Part for RawWord {
    fn from_text(text: &str) -> Self {
        Self { word: Loose::Text(text.to_owned()), ..Self::default() }
    }
}

impl RawSegment {
    fn start(&self) -> Option<f64> {
        self.start.number().or(self.offsets.0.from.number().map(|millis| millis / 1_000.0))
    }

    fn end(&self) -> Option<f64> {
        self.end.number().or(self.offsets.0.to.number().map(|millis| millis / 1_000.0))
    }

    /// Whether it has both times.
    fn has_times(&self) -> bool {
        self.start().is_some() && self.end().is_some()
    }

    /// Whether it is a segment: it has a text (which may be empty), times, or words.
    pub(super) fn is_segment(&self) -> bool {
        matches!(self.text, Loose::Text(_)) || self.has_times() || !self.words.0.is_empty()
    }

    /// Whether its text is not blank.
    pub(super) fn has_text(&self) -> bool {
        matches!(&self.text, Loose::Text(text) if !text.trim().is_empty())
    }

    /// Whether it has a text, times, or words, and so is kept.
    pub(super) fn has_content(&self) -> bool {
        self.has_text() || self.has_times() || !self.words.0.is_empty()
    }

    /// Returns the error message if the element is no segment.
    pub(super) fn complaint(&mut self) -> Option<String> {
        if self.is_segment() { None } else { std::mem::take(&mut self.error).error_text() }
    }

    /// Converts into a segment. If it has no times, it gets those given.
    pub(super) fn within(self, start: f64, end: f64) -> Segment {
        let is_untimed = self.start().is_none() && self.end().is_none();
        let mut segment = Segment::from(self);
        if is_untimed {
            (segment.start, segment.end) = (start, end);
        }
        segment
    }
}

impl From<RawSegment> for Segment {
    fn from(raw: RawSegment) -> Self {
        Self {
            start: raw.start().unwrap_or(f64::NAN),
            end: raw.end().unwrap_or(f64::NAN),
            text: raw.text.text().unwrap_or_default(),
            confidence: raw.confidence.number().or(raw.avg_logprob.number().map(f64::exp)),
            words: raw.words.0.into_iter().map(|word| word.0.into()).collect(),
        }
    }
}

impl From<RawWord> for Word {
    fn from(raw: RawWord) -> Self {
        Self {
            start: raw.start.number().unwrap_or(f64::NAN),
            end: raw.end.number().unwrap_or(f64::NAN),
            confidence: raw.confidence.number().or(raw.probability.number()),
            word: raw.word.text().or(raw.text.text()).unwrap_or_default(),
        }
    }
}
