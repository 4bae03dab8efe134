//! Lossy decoding of another program's output as UTF-8.

use encoding_rs::{Decoder, UTF_8};
use std::io::{self, BufRead, Read};

/// Bytes that are decoded at once.
const PIECE: usize = 16 * 1024;

/// Reads bytes as UTF-8: drops a byte order mark (decodes as UTF-16 if the mark is UTF-16's), and replaces invalid
/// sequences with U+FFFD, wherever the chunks that are read end.
pub(super) struct Utf8<R> {
    source: R,
    decoder: Decoder,
    bytes: Vec<u8>,
    text: Vec<u8>,
    /// The range of `text` that is not yet consumed.
    at: usize,
    end: usize,
    is_over: bool,
}

impl<R: Read> Utf8<R> {
    pub(super) fn new(source: R) -> Self {
        let decoder = UTF_8.new_decoder();
        let most = decoder.max_utf8_buffer_length(PIECE).unwrap_or(4 * PIECE);
        Self { source, decoder, bytes: vec![0; PIECE], text: vec![0; most], at: 0, end: 0, is_over: false }
    }
}

impl<R: Read> BufRead for Utf8<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.at == self.end && !self.is_over {
            let read = match self.source.read(&mut self.bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            self.is_over = read == 0;
            let (_, _, written, _) = self.decoder.decode_to_utf8(&self.bytes[..read], &mut self.text, self.is_over);
            (self.at, self.end) = (0, written);
        }
        Ok(&self.text[self.at..self.end])
    }

    fn consume(&mut self, amount: usize) {
        self.at = self.end.min(self.at + amount);
    }
}

impl<R: Read> Read for Utf8<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}
