//! Words that an engine lists beside the segments, spooled in a temporary file.

use super::raw::{MOST_WORDS, RawWord};
use crate::{Segment, Word, lines::Lines};
use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Seek, Write},
    iter::Peekable,
    path::Path,
};

/// Maximum number of bytes of a word that are stored.
const MOST_WORD: usize = 1024;

/// Writes words into a temporary file.
pub(super) struct WordFile {
    file: BufWriter<File>,
    /// End of the last word in seconds.
    last: f64,
}

impl WordFile {
    pub(super) fn new(work_dir: &Path) -> io::Result<Self> {
        Ok(Self { file: BufWriter::new(tempfile::tempfile_in(work_dir)?), last: 0.0 })
    }

    /// Writes a word. A word without times is placed at the end of the one before.
    pub(super) fn write(&mut self, word: RawWord) -> io::Result<()> {
        let mut word = Word::from(word);
        if !word.start.is_finite() {
            word.start = self.last;
        }
        if !word.end.is_finite() {
            word.end = word.start;
        }
        self.last = word.end;
        word.word.truncate(word.word.floor_char_boundary(MOST_WORD));
        serde_json::to_writer(&mut self.file, &word)?;
        self.file.write_all(b"\n")
    }

    /// Returns all words, from the first on.
    pub(super) fn read(self) -> io::Result<Words> {
        let mut file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        Ok(Words(Lines::new(BufReader::new(file)).peekable()))
    }
}

/// Reads the words back in order.
pub(super) struct Words(Peekable<Lines<BufReader<File>, Word>>);

impl Words {
    /// Moves the words that begin before `until` into a segment. If the segment has words of its own, drops them.
    pub(super) fn give(&mut self, segment: &mut Segment, until: f64) -> io::Result<()> {
        // Some servers list the words in both places.
        let has_own = !segment.words.is_empty();
        while let Some(word) = self.0.next_if(|word| word.as_ref().map_or(true, |word| word.start < until)) {
            let word = word?;
            if !has_own && segment.words.len() < MOST_WORDS {
                segment.words.push(word);
            }
        }
        Ok(())
    }
}
