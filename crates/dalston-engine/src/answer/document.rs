//! A JSON document that an engine said: the elements of its lists go by one by one, none of the lists is ever whole in
//! memory.

use super::{
    lenient::{Elements, Expects, Object, Part},
    loose::Loose,
    raw::{RawSegment, RawWord},
    words::WordFile,
};
use serde::{
    Deserialize,
    de::{IgnoredAny, MapAccess, SeqAccess},
};
use std::io;

/// What a document is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum DocumentKind {
    /// A transcript with a list of segments.
    List,
    /// One segment, or a text.
    Line,
    /// Says that there is no text.
    Empty,
    /// Says why there is none.
    Error(String),
    /// Says nothing of a transcript.
    Other,
}

/// What a document says beside the elements of its lists.
#[derive(Debug, Default)]
pub(super) struct DocumentHead {
    pub(super) language: Option<String>,
    pub(super) duration: Option<f64>,
    pub(super) model: Option<String>,
    /// Why there is no transcript, where it may be that.
    pub(super) detail: Option<String>,
    error: Option<String>,
    /// How many segments it has, and how many of them with a text. `None`: no list.
    segments: Option<u64>,
    of_segments: u64,
    with_text: u64,
    /// Whether it has a text, and whether that is empty.
    text: Option<bool>,
    starts: bool,
    ends: bool,
}

impl DocumentHead {
    /// What the document is.
    pub(super) fn kind(&self) -> DocumentKind {
        let has_text = self.text == Some(false);
        let complaint = |complaint: &Option<String>| complaint.clone().map_or(DocumentKind::Other, DocumentKind::Error);
        if self.with_text > 0 {
            DocumentKind::List
        } else if has_text {
            DocumentKind::Line
        } else if self.error.is_some() {
            complaint(&self.error)
        } else if self.of_segments > 0 {
            DocumentKind::List
        } else if self.starts && self.ends {
            DocumentKind::Line
        } else if self.segments == Some(0) || self.text.is_some() {
            if self.detail.is_some() { complaint(&self.detail) } else { DocumentKind::Empty }
        } else {
            DocumentKind::Other
        }
    }

    fn count(&mut self, mut segment: RawSegment) {
        self.of_segments += u64::from(segment.is_segment());
        self.with_text += u64::from(segment.has_text());
        self.error = self.error.take().or_else(|| segment.complaint());
    }
}

/// Reads what a document says, and puts its words aside.
pub(super) struct Overview<'a> {
    pub(super) words: &'a mut WordFile,
    pub(super) failed: &'a mut Option<io::Error>,
}

impl Overview<'_> {
    fn put_aside(&mut self, word: RawWord) -> bool {
        self.words.write(word).map_err(|error| *self.failed = Some(error)).is_ok()
    }
}

impl<'de> Expects<'de> for Overview<'_> {
    type Read = DocumentHead;

    fn other(self) -> DocumentHead {
        DocumentHead::default()
    }

    fn list<A: SeqAccess<'de>>(self, mut elements: A) -> Result<DocumentHead, A::Error> {
        let mut said = DocumentHead { segments: Some(0), ..DocumentHead::default() };
        while let Some(Object(segment)) = elements.next_element()? {
            said.segments = said.segments.map(|count| count + 1);
            said.count(segment);
        }
        Ok(said)
    }

    fn object<A: MapAccess<'de>>(mut self, mut members: A) -> Result<DocumentHead, A::Error> {
        let mut said = DocumentHead::default();
        while let Some(name) = members.next_key::<String>()? {
            match name.as_str() {
                "segments" | "transcription" => {
                    let count = |Object(segment)| {
                        said.count(segment);
                        true
                    };
                    let segments = members.next_value_seed(Elements::to(count))?;
                    said.segments = said.segments.max(segments);
                }
                "words" => {
                    members.next_value_seed(Elements::to(|Object(word)| self.put_aside(word)))?;
                }
                "text" => {
                    said.text = members.next_value::<Loose>()?.text().map(|text| text.trim().is_empty()).or(said.text);
                }
                "start" => said.starts = members.next_value::<Loose>()?.number().is_some(),
                "end" => said.ends = members.next_value::<Loose>()?.number().is_some(),
                "offsets" => {
                    let Object(Offsets { from, to }) = members.next_value()?;
                    said.starts |= from.number().is_some();
                    said.ends |= to.number().is_some();
                }
                "language" => said.language = members.next_value::<Loose>()?.name().or(said.language),
                // whisper.cpp: an object here, and the name of a file in others.
                "result" => {
                    let Object(WhisperResult { language }) = members.next_value()?;
                    said.language = said.language.or_else(|| language.name());
                }
                "duration" => {
                    said.duration = members.next_value::<Loose>()?.number().filter(|seconds| *seconds >= 0.0);
                }
                "model" => said.model = members.next_value::<Loose>()?.name(),
                "error" | "errors" => said.error = members.next_value::<Loose>()?.error_text().or(said.error),
                "object" | "status" | "type" => {
                    if members.next_value::<Loose>()?.text().is_some_and(|it| it.eq_ignore_ascii_case("error")) {
                        said.error = said.error.or(Some(name));
                    }
                }
                "detail" => said.detail = members.next_value::<Loose>()?.error_text(),
                _ => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(said)
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Offsets {
    from: Loose,
    to: Loose,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WhisperResult {
    language: Loose,
}

impl Part for Offsets {}

impl Part for WhisperResult {}

/// Gives away each segment of the list of a document.
pub(super) struct Segments<F>(pub(super) F);

impl<'de, F: FnMut(RawSegment) -> bool> Expects<'de> for Segments<F> {
    type Read = ();

    fn other(self) {}

    fn list<A: SeqAccess<'de>>(mut self, elements: A) -> Result<(), A::Error> {
        Elements::to(|Object(segment)| (self.0)(segment)).0.list(elements).map(|_| ())
    }

    fn object<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<String>()? {
            if matches!(name.as_str(), "segments" | "transcription") {
                members.next_value_seed(Elements::to(|Object(segment)| (self.0)(segment)))?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}
