//! Parses the answers of engines from a file, segment by segment.
//!
//! Engines are other people's programs, so parsing is lenient: it reads whatever it can. Yet a transcript must have a
//! text or a list of segments, and only one that is present and empty means that nothing was said.

mod document;
mod documents;
mod json_repair;
mod lenient;
mod loose;
mod raw;
#[cfg(test)]
mod tests;
mod timestamped_text;
mod utf8;
mod words;

use crate::{EngineError, Segment, relay::FindingSink};
use document::{DocumentKind, Overview, Segments};
use documents::Documents;
use lenient::{Lenient, Object};
use raw::RawSegment;
use std::{
    fs::File,
    io::{Read, Seek},
    path::Path,
};
use utf8::Utf8;
use words::{WordFile, Words};

/// Maximum size of an answer in bytes. A day of speech takes five million.
pub(crate) const MOST: u64 = 64 * 1024 * 1024;

/// Error messages for clients.
const NOTHING: &str = "The engine gave no transcript";
const ERROR: &str = "The engine gave an error instead of a transcript";
const SEVERAL: &str = "The engine gave more than one transcript";

/// What a transcript contains beside its segments.
#[derive(Debug, Default)]
pub(crate) struct TranscriptHead {
    pub(crate) language: Option<String>,
    pub(crate) duration: Option<f64>,
    pub(crate) model: Option<String>,
}

/// Reads JSON: one document as OpenAI's `verbose_json` and `json`, whisper.cpp or Dalston write it, a list of segments,
/// or one document for each segment or piece of text. Skips documents and lines that are not part of a transcript.
/// `seconds` is the duration of the audio, if it is known. Words that are listed beside the segments are assigned to
/// them.
pub(crate) fn document(
    file: &mut File,
    work_dir: &Path,
    seconds: Option<f64>,
    relay: &mut FindingSink,
) -> Result<TranscriptHead, EngineError> {
    let answer = EngineAnswer::scan(file, work_dir)?;
    match answer.shape {
        DocumentShape::Nothing => Err(EngineError::Rejected(NOTHING, "there is no document in it".to_owned())),
        _ => answer.write_segments(file, seconds, relay),
    }
}

/// Reads what a command wrote to standard output: JSON as [`document()`] reads it, or plain text.
pub(crate) fn output(
    file: &mut File,
    work_dir: &Path,
    seconds: Option<f64>,
    relay: &mut FindingSink,
) -> Result<TranscriptHead, EngineError> {
    let answer = EngineAnswer::scan(file, work_dir)?;
    match answer.shape {
        DocumentShape::Nothing => text(file, seconds, relay),
        _ => answer.write_segments(file, seconds, relay),
    }
}

/// The shape of an answer as a whole.
#[derive(Clone, Copy, PartialEq, Eq)]
enum DocumentShape {
    /// It has no document.
    Nothing,
    /// An empty transcript.
    Empty,
    /// One document with a list of segments.
    List,
    /// Several documents that are segments or texts.
    Lines,
}

/// An answer after its first pass.
struct EngineAnswer {
    shape: DocumentShape,
    head: TranscriptHead,
    words: WordFile,
}

impl EngineAnswer {
    /// First pass: determines the shape of an answer and writes its words into a file. Returns an error when the answer
    /// is an error message or contains no transcript.
    fn scan(file: &File, work_dir: &Path) -> Result<Self, EngineError> {
        let mut documents = Documents::of(file)?;
        let mut answer =
            Self { shape: DocumentShape::Nothing, head: TranscriptHead::default(), words: WordFile::new(work_dir)? };
        let (mut other, mut detail) = (false, None);
        loop {
            let mut failed = None;
            let overview = Overview { words: &mut answer.words, failed: &mut failed };
            let said = documents.next(Lenient(overview));
            if let Some(error) = failed {
                return Err(error.into());
            }
            let Some(said) = said? else { break };
            let kind = said.kind();
            other |= kind == DocumentKind::Other;
            answer.shape = match (answer.shape, kind) {
                (_, DocumentKind::Error(why)) => {
                    return Err(EngineError::Rejected(ERROR, why.escape_debug().to_string()));
                }
                (DocumentShape::Nothing | DocumentShape::Empty, DocumentKind::List) => DocumentShape::List,
                (DocumentShape::Nothing | DocumentShape::Empty | DocumentShape::Lines, DocumentKind::Line) => {
                    DocumentShape::Lines
                }
                (DocumentShape::List, DocumentKind::List | DocumentKind::Line)
                | (DocumentShape::Lines, DocumentKind::List) => {
                    return Err(EngineError::Rejected(SEVERAL, "one stands behind the other".to_owned()));
                }
                (DocumentShape::Nothing, DocumentKind::Empty) => DocumentShape::Empty,
                (shape, DocumentKind::Empty | DocumentKind::Other) => shape,
            };
            detail = detail.or(said.detail);
            answer.head.language = answer.head.language.or(said.language);
            answer.head.duration = answer.head.duration.or(said.duration);
            answer.head.model = answer.head.model.or(said.model);
        }
        match (answer.shape, detail) {
            (DocumentShape::Nothing, Some(why)) => Err(EngineError::Rejected(ERROR, why.escape_debug().to_string())),
            (DocumentShape::Nothing, None) if other => {
                Err(EngineError::Rejected(NOTHING, "it has neither text nor segments".to_owned()))
            }
            _ => Ok(answer),
        }
    }

    /// Second pass: writes the segments to `relay`.
    fn write_segments(
        self,
        file: &File,
        seconds: Option<f64>,
        relay: &mut FindingSink,
    ) -> Result<TranscriptHead, EngineError> {
        let Self { shape, head, words } = self;
        match shape {
            DocumentShape::Nothing | DocumentShape::Empty => {}
            DocumentShape::Lines => lines(file, seconds.or(head.duration), relay)?,
            DocumentShape::List => list(file, seconds.or(head.duration), words.read()?, relay)?,
        }
        Ok(head)
    }
}

/// Writes the segments of a list to `relay`.
fn list(file: &File, seconds: Option<f64>, mut words: Words, relay: &mut FindingSink) -> Result<(), EngineError> {
    // Hold one segment back: the last one takes all remaining words.
    let (mut back, mut failed) = (None::<Segment>, None);
    let mut take = |raw: RawSegment| {
        if !raw.has_content() {
            return Ok(());
        }
        let Some(mut segment) = back.replace(raw.into()) else { return Ok(()) };
        let end = segment.end;
        words.give(&mut segment, end)?;
        relay.segment(segment)?;
        seconds.map_or(Ok(()), |seconds| relay.progress(thousandths(end, seconds)))
    };
    let mut documents = Documents::of(file)?;
    loop {
        let taken = |raw| take(raw).map_err(|error| failed = Some(error)).is_ok();
        let read = documents.next(Lenient(Segments(taken)));
        if let Some(error) = failed {
            return Err(error);
        }
        if read?.is_none() {
            break;
        }
    }
    if let Some(mut segment) = back {
        words.give(&mut segment, f64::INFINITY)?;
        relay.segment(segment)?;
    }
    Ok(())
}

/// Writes documents that are segments or texts to `relay`. A text without times extends to the end of the audio.
fn lines(file: &File, seconds: Option<f64>, relay: &mut FindingSink) -> Result<(), EngineError> {
    let mut documents = Documents::of(file)?;
    while let Some(raw) = documents.next(std::marker::PhantomData::<Object<RawSegment>>)? {
        if raw.0.has_content() {
            let from = relay.end();
            relay.segment(raw.0.within(from, seconds.unwrap_or(from)))?;
        }
    }
    Ok(())
}

/// Writes plain text to `relay`: as segments if its lines have timestamps, else as one segment. Also accepts the output
/// of `jq .text`: a quoted string, or `null` for no transcript.
fn text(mut file: &File, seconds: Option<f64>, relay: &mut FindingSink) -> Result<TranscriptHead, EngineError> {
    file.rewind()?;
    let mut bytes = Vec::new();
    Utf8::new(file).take(MOST).read_to_end(&mut bytes)?;
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    let is_quoted = serde_json::from_str::<String>(&text).map(|quoted| text = quoted).is_ok();
    if !is_quoted && matches!(text.trim(), "" | "null") {
        return Err(EngineError::Rejected(NOTHING, "it wrote nothing to its standard output".to_owned()));
    }
    if let Some(segments) = timestamped_text::segments(&text) {
        segments.into_iter().try_for_each(|segment| relay.segment(segment))?;
    } else if !text.trim().is_empty() {
        let end = seconds.unwrap_or_default();
        relay.segment(Segment { start: 0.0, end, text, confidence: None, words: Vec::new() })?;
    }
    Ok(TranscriptHead::default())
}

fn thousandths(done: f64, whole: f64) -> u16 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, and NaN is 0")]
    let thousandths = (done / whole * 1_000.0) as u16;
    thousandths.min(1_000)
}
