//! Streaming parser of one JSON document of an engine: handles the elements of its lists one by one and never holds a
//! whole list in memory.

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

/// The kind of a document.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum DocumentKind {
    /// A transcript with a list of segments.
    List,
    /// One segment, or a text.
    Line,
    /// An empty transcript.
    Empty,
    /// An error message.
    Error(String),
    /// Not part of a transcript.
    Other,
}

/// What a document contains beside the elements of its lists.
#[derive(Debug, Default)]
pub(super) struct DocumentHead {
    pub(super) language: Option<String>,
    pub(super) duration: Option<f64>,
    pub(super) model: Option<String>,
    /// The `detail` member: an error message when the document has no transcript.
    pub(super) detail: Option<String>,
    error: Option<String>,
    /// Number of elements of its list (`None`: no list), how many of them are segments, and how many have a text.
    segments: Option<u64>,
    of_segments: u64,
    with_text: u64,
    /// `None`: it has no text. Else whether the text is empty.
    text: Option<bool>,
    starts: bool,
    ends: bool,
}

impl DocumentHead {
    /// Returns the kind of the document.
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

/// Reads what a document contains, and writes its words into a file.
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
                // In whisper.cpp's output this is an object; in others it is the name of a file.
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

/// Calls a function with each segment of a document's list.
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
