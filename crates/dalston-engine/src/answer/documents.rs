//! JSON documents that stand in a file one behind the other, with lines of other text between them.

use super::{json_repair::Mended, utf8::Utf8};
use crate::EngineError;
use serde::de::DeserializeSeed;
use std::{
    fs::File,
    io::{self, BufRead, Seek},
};

/// What clients read.
const UNREADABLE: &str = "The answer of the engine cannot be read";

/// The documents of a file. A document begins at the beginning of a line, or behind another, with `{"`, `{}`, `[{` or an
/// empty list that has its line for itself; other lines are passed over. Nothing but what is asked of a document is held
/// in memory.
pub(super) struct Documents<'f>(Utf8<&'f File>);

impl<'f> Documents<'f> {
    /// Those of a file, from its beginning.
    pub(super) fn of(mut file: &'f File) -> io::Result<Self> {
        file.rewind()?;
        Ok(Self(Utf8::new(file)))
    }

    /// Reads the next one. `None`: there is none any more.
    pub(super) fn next<'de, S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, EngineError> {
        let Some(first) = self.begin()? else { return Ok(None) };
        let mut json = serde_json::Deserializer::from_reader(Mended::new(first, &mut self.0));
        match seed.deserialize(&mut json) {
            Ok(read) => Ok(Some(read)),
            Err(error) if error.is_io() => Err(EngineError::Io(error.into())),
            Err(error) => Err(EngineError::Rejected(UNREADABLE, error.to_string())),
        }
    }

    /// Goes to where a document begins, and takes its first byte.
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

    /// Passes over bytes; the next one that is of another kind.
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

    /// Whether nothing stands in the line behind the bracket that comes next, as far as it is in the buffer.
    fn is_alone(&mut self) -> io::Result<bool> {
        let behind = self.0.fill_buf()?.get(1..).unwrap_or_default();
        let rest = behind.iter().take_while(|byte| !matches!(byte, b'\n' | b'\r'));
        Ok(rest.copied().all(|byte| byte.is_ascii_whitespace()))
    }
}
