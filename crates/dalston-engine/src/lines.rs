//! Transcripts as files: a line of JSON for each segment.

use crate::Segment;
use std::io::{self, BufRead, Read};

/// Bytes of a line. Whatever an engine says, a segment is shorter.
const LINE: u64 = 1024 * 1024;

/// Reads a transcript segment by segment. Blocks.
#[derive(Debug)]
pub struct TranscriptReader<R> {
    lines: R,
    line: Vec<u8>,
}

impl<R: BufRead> TranscriptReader<R> {
    /// From the place where the reader stands.
    pub fn new(lines: R) -> Self {
        Self { lines, line: Vec::new() }
    }

    fn read(&mut self) -> io::Result<Option<Segment>> {
        self.line.clear();
        (&mut self.lines).take(LINE).read_until(b'\n', &mut self.line)?;
        if self.line.is_empty() { Ok(None) } else { Ok(Some(serde_json::from_slice(&self.line)?)) }
    }
}

impl<R: BufRead> Iterator for TranscriptReader<R> {
    type Item = io::Result<Segment>;

    fn next(&mut self) -> Option<io::Result<Segment>> {
        self.read().transpose()
    }
}
