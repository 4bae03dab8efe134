//! Reads transcript files: one line of JSON for each segment.

use crate::Segment;
use serde::de::DeserializeOwned;
use std::{
    io::{self, BufRead, Read},
    marker::PhantomData,
};

/// Maximum bytes of a line. A sanitized segment is always shorter.
const LINE: u64 = 1024 * 1024;

/// Iterator over the segments of a transcript file. It blocks.
#[derive(Debug)]
pub struct TranscriptReader<R>(Lines<R, Segment>);

impl<R: BufRead> TranscriptReader<R> {
    /// Reads segments from the reader's current position.
    pub fn new(reader: R) -> Self {
        Self(Lines::new(reader))
    }
}

impl<R: BufRead> Iterator for TranscriptReader<R> {
    type Item = io::Result<Segment>;

    fn next(&mut self) -> Option<io::Result<Segment>> {
        self.0.next()
    }
}

/// Iterator over lines of JSON.
#[derive(Debug)]
pub(crate) struct Lines<R, T> {
    reader: R,
    line: Vec<u8>,
    of: PhantomData<fn() -> T>,
}

impl<R: BufRead, T: DeserializeOwned> Lines<R, T> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, line: Vec::new(), of: PhantomData }
    }

    fn read(&mut self) -> io::Result<Option<T>> {
        loop {
            self.line.clear();
            (&mut self.reader).take(LINE).read_until(b'\n', &mut self.line)?;
            if self.line.is_empty() {
                return Ok(None);
            }
            if !self.line.trim_ascii().is_empty() {
                return Ok(Some(serde_json::from_slice(&self.line)?));
            }
        }
    }
}

impl<R: BufRead, T: DeserializeOwned> Iterator for Lines<R, T> {
    type Item = io::Result<T>;

    fn next(&mut self) -> Option<io::Result<T>> {
        self.read().transpose()
    }
}
