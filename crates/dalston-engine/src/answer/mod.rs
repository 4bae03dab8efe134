//! What engines answer, read from a file segment by segment.

mod document;
mod raw;

use crate::{EngineError, Segment, Word, lines::Lines, relay::Relay};
use document::{Pass, pass};
use raw::{RawSegment, RawWord};
use std::{
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Read, Seek, Write},
    iter::Peekable,
    path::Path,
};

/// Bytes of an answer. A day of speech has five million.
pub(crate) const MOST: u64 = 64 * 1024 * 1024;
/// Words of one segment that are held in memory.
const MOST_WORDS: usize = 2_000;

/// What is said of a transcript beside its segments.
#[derive(Debug, Default)]
pub(crate) struct Head {
    pub(crate) language: Option<String>,
    pub(crate) duration: Option<f64>,
    pub(crate) model: Option<String>,
}

/// Reads a JSON document: OpenAI's `verbose_json` and `json`, whisper.cpp's, ours. `seconds` is the length of the audio,
/// if it is known. Words that stand beside the segments are put into them.
pub(crate) fn document(
    file: &mut File,
    desk: &Path,
    seconds: Option<f64>,
    relay: &mut Relay,
) -> Result<Head, EngineError> {
    let mut words = WordFile::new(desk)?;
    file.rewind()?;
    let said = pass(&mut *file, Pass::Overview(&mut |word| words.write(word)))?;
    let mut words = words.read()?;
    let head = Head { language: said.language, duration: said.duration.or(seconds), model: said.model };
    file.rewind()?;
    if said.segments > 0 {
        // One is held back: the last takes all words that are left.
        let mut back: Option<Segment> = None;
        pass(
            &mut *file,
            Pass::Segments(&mut |raw| {
                if let Some(segment) = back.replace(raw.into()) {
                    let end = segment.end;
                    give(segment, &mut words, end, relay)?;
                    if let Some(whole) = head.duration {
                        relay.progress(thousandths(end, whole))?;
                    }
                }
                Ok(())
            }),
        )?;
        if let Some(segment) = back {
            give(segment, &mut words, f64::INFINITY, relay)?;
        }
    } else {
        let text = pass(&mut *file, Pass::Text)?.text.unwrap_or_default();
        whole(text, head.duration, &mut words, relay)?;
    }
    Ok(head)
}

/// Reads what a command wrote to its standard output: a document as above, a line of JSON for each segment, or a text.
pub(crate) fn output(
    file: &mut File,
    desk: &Path,
    seconds: Option<f64>,
    relay: &mut Relay,
) -> Result<Head, EngineError> {
    file.rewind()?;
    let mut first = Vec::new();
    BufReader::new(&mut *file).take(MOST_LINE).read_until(b'\n', &mut first)?;
    file.rewind()?;
    let head = Head { duration: seconds, ..Head::default() };
    if !first.trim_ascii_start().starts_with(b"{") {
        let mut text = Vec::new();
        file.take(MOST).read_to_end(&mut text)?;
        whole(String::from_utf8_lossy(&text).into_owned(), seconds, &mut WordFile::new(desk)?.read()?, relay)?;
        return Ok(head);
    }
    if !serde_json::from_slice(&first).is_ok_and(|raw: RawSegment| raw.has_times()) {
        return document(file, desk, seconds, relay);
    }
    for raw in Lines::<_, RawSegment>::new(BufReader::new(file)) {
        let raw = raw.map_err(|error| EngineError::Rejected(UNREADABLE, error.to_string()))?;
        relay.segment(raw.into())?;
    }
    Ok(head)
}

/// A line that is looked at.
const MOST_LINE: u64 = 1024 * 1024;
/// What clients read.
const UNREADABLE: &str = "A line of the engine cannot be read";

/// Words, as they were read.
type Words = Peekable<Lines<BufReader<File>, Word>>;

/// Hands over a segment with the words that begin before `until`.
fn give(mut segment: Segment, words: &mut Words, until: f64, relay: &mut Relay) -> Result<(), EngineError> {
    // Some servers tell the words in both places.
    let has_own = !segment.words.is_empty();
    while let Some(word) = words.next_if(|word| word.as_ref().map_or(true, |word| word.start < until)) {
        let word = word?;
        if !has_own && segment.words.len() < MOST_WORDS {
            segment.words.push(word);
        }
    }
    relay.segment(segment)
}

/// Hands over a text without times as one segment.
fn whole(text: String, seconds: Option<f64>, words: &mut Words, relay: &mut Relay) -> Result<(), EngineError> {
    if text.trim().is_empty() {
        return Ok(());
    }
    let segment = Segment { start: 0.0, end: seconds.unwrap_or_default(), text, confidence: None, words: Vec::new() };
    give(segment, words, f64::INFINITY, relay)
}

/// Words that stand before or behind the segments, put aside.
struct WordFile(BufWriter<File>);

impl WordFile {
    fn new(desk: &Path) -> io::Result<Self> {
        Ok(Self(BufWriter::new(tempfile::tempfile_in(desk)?)))
    }

    fn write(&mut self, word: RawWord) -> Result<(), EngineError> {
        let mut word = Word::from(word);
        if word.start.is_finite() && word.end.is_finite() {
            word.confidence = word.confidence.filter(|confidence| confidence.is_finite());
            serde_json::to_writer(&mut self.0, &word).map_err(io::Error::from)?;
            self.0.write_all(b"\n")?;
        }
        Ok(())
    }

    fn read(self) -> io::Result<Words> {
        let mut file = self.0.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        Ok(Lines::new(BufReader::new(file)).peekable())
    }
}

fn thousandths(done: f64, whole: f64) -> u16 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, and NaN is 0")]
    let thousandths = (done / whole * 1_000.0) as u16;
    thousandths.min(1_000)
}
