//! Reads concatenated JSON documents from a file and skips lines of other text between them.

use super::{json_repair::Mended, utf8::Utf8};
use crate::EngineError;
use serde::de::DeserializeSeed;
use std::{
    fs::File,
    io::{self, BufRead, Seek},
};

/// Error message for clients.
const UNREADABLE: &str = "The answer of the engine cannot be read";

/// The documents of a file. A document begins at the start of a line, or behind another document, with `{"`, `{}`, `[{`
/// or an empty list that is alone in its line; other lines are skipped. Only what the caller deserializes is held in
/// memory.
pub(super) struct Documents<'f>(Utf8<&'f File>);

impl<'f> Documents<'f> {
    /// Reads the documents of a file from its beginning.
    pub(super) fn of(mut file: &'f File) -> io::Result<Self> {
        file.rewind()?;
        Ok(Self(Utf8::new(file)))
    }

    /// Reads the next document. Returns `None` at the end of the file.
    pub(super) fn next<'de, S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, EngineError> {
        let Some(first) = self.begin()? else { return Ok(None) };
        let mut json = serde_json::Deserializer::from_reader(Mended::new(first, &mut self.0));
        match seed.deserialize(&mut json) {
            Ok(read) => Ok(Some(read)),
            Err(error) if error.is_io() => Err(EngineError::Io(error.into())),
            Err(error) => Err(EngineError::Rejected(UNREADABLE, error.to_string())),
        }
    }

    /// Skips to the beginning of a document and consumes its first byte.
    fn begin(&mut self) -> io::Result<Option<u8>> {
        loop {
            let Some(first) = self.solid(u8::is_ascii_whitespace)? else { return Ok(None) };
            if matches!(first, b'{' | b'[') {
                self.0.consume(1);
                let begins = match (first, self.solid(u8::is_ascii_whitespace)?) {
                    (b'{', second) => matches!(second, Some(b'"' | b'}') | None),
                    (_, Some(b']')) => self.is_alone()?,
                    (_, second) => matches!(second, Some(b'{') | None),
                };
                if begins {
                    return Ok(Some(first));
                }
            }
            self.solid(|byte| !matches!(byte, b'\n' | b'\r'))?;
        }
    }

    /// Skips bytes that match, and returns the first one that does not, without consuming it.
    fn solid(&mut self, passed: impl Fn(&u8) -> bool) -> io::Result<Option<u8>> {
        loop {
            let text = self.0.fill_buf()?;
            let at = text.iter().position(|byte| !passed(byte));
            let (byte, passed) = (at.map(|at| text[at]), at.unwrap_or(text.len()));
            let is_over = text.is_empty();
            self.0.consume(passed);
            if byte.is_some() || is_over {
                return Ok(byte);
            }
        }
    }

    /// Whether only whitespace follows the next bracket in its line, as far as the buffer reaches.
    fn is_alone(&mut self) -> io::Result<bool> {
        let behind = self.0.fill_buf()?.get(1..).unwrap_or_default();
        let rest = behind.iter().take_while(|byte| !matches!(byte, b'\n' | b'\r'));
        Ok(rest.copied().all(|byte| byte.is_ascii_whitespace()))
    }
}
