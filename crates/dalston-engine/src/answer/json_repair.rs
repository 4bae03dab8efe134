//! Repairs JSON of programs that violate its syntax, so that `serde_json` can parse it.

use std::{
    collections::VecDeque,
    io::{self, BufRead, Read},
};

/// Maximum number of bytes of a word outside of strings that are checked: numbers and constants are shorter.
const WORD: usize = 32;
/// Replacement of half a surrogate pair.
const LOST: &[u8] = b"\\ufffd";

/// Reads one document byte by byte, and nothing behind its end. Outside of strings, `NaN`, `Infinity` and numbers that
/// overflow an `f64` become `null`. Inside of strings, half a surrogate pair becomes U+FFFD, a control character
/// becomes a space, and a backslash that escapes nothing is kept as a character.
pub(super) struct Mended<'a, R> {
    source: &'a mut R,
    within_text: bool,
    ready: VecDeque<u8>,
}

impl<'a, R: BufRead> Mended<'a, R> {
    /// `first` is the first byte of the document, which was already consumed from `source`.
    pub(super) fn new(first: u8, source: &'a mut R) -> Self {
        Self { source, within_text: false, ready: VecDeque::from([first]) }
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.source.fill_buf()?.first().copied())
    }

    fn take(&mut self) -> io::Result<Option<u8>> {
        let byte = self.peek()?;
        self.source.consume(usize::from(byte.is_some()));
        Ok(byte)
    }

    fn give(&mut self, bytes: &[u8]) {
        self.ready.extend(bytes);
    }

    /// Makes at least one byte ready. Returns `false` at the end of the input.
    fn step(&mut self) -> io::Result<bool> {
        let Some(byte) = self.take()? else { return Ok(false) };
        match byte {
            b'"' => {
                self.within_text = !self.within_text;
                self.give(&[byte]);
            }
            b'\\' if self.within_text => self.escape()?,
            0..0x20 if self.within_text => self.give(b" "),
            _ if !self.within_text && is_of_word(byte) => self.word(byte)?,
            _ => self.give(&[byte]),
        }
        Ok(true)
    }

    /// Copies a number or a constant that begins with this byte, or replaces it with `null`.
    fn word(&mut self, first: u8) -> io::Result<()> {
        let mut word = vec![first];
        while word.len() < WORD
            && let Some(byte) = self.peek()?.filter(|byte| is_of_word(*byte))
        {
            self.source.consume(1);
            word.push(byte);
        }
        let number = str::from_utf8(&word).ok().and_then(|word| word.parse::<f64>().ok());
        if number.is_some_and(|number| !number.is_finite()) {
            self.give(b"null");
        } else {
            self.give(&word);
        }
        Ok(())
    }

    /// Copies an escape sequence whose backslash was consumed. When half a surrogate pair is followed by other escapes,
    /// copies all of them.
    fn escape(&mut self) -> io::Result<()> {
        let mut high = None;
        loop {
            if self.peek()? != Some(b'u') {
                break;
            }
            self.source.consume(1);
            let unit = self.unit()?;
            match (high.take(), unit) {
                (Some(high), Some(low @ 0xDC00..=0xDFFF)) => {
                    self.give(format!("\\u{high:04x}\\u{low:04x}").as_bytes());
                    return Ok(());
                }
                (before, unit) => {
                    if before.is_some() {
                        self.give(LOST);
                    }
                    match unit {
                        Some(unit @ 0xD800..=0xDBFF) => high = Some(unit),
                        Some(0xDC00..=0xDFFF) | None => {
                            self.give(LOST);
                            return Ok(());
                        }
                        Some(unit) => {
                            self.give(format!("\\u{unit:04x}").as_bytes());
                            return Ok(());
                        }
                    }
                }
            }
            if self.peek()? != Some(b'\\') {
                self.give(LOST);
                return Ok(());
            }
            self.source.consume(1);
        }
        if high.is_some() {
            self.give(LOST);
        }
        match self.peek()? {
            Some(known @ (b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't')) => {
                self.source.consume(1);
                self.give(&[b'\\', known]);
            }
            _ => self.give(b"\\\\"),
        }
        Ok(())
    }

    /// Reads the four hexadecimal digits behind `\u`. Returns `None` when they are missing.
    fn unit(&mut self) -> io::Result<Option<u16>> {
        let mut unit = 0;
        for _ in 0..4 {
            let Some(digit) = self.peek()?.and_then(|byte| char::from(byte).to_digit(16)) else { return Ok(None) };
            self.source.consume(1);
            unit = unit * 16 + digit;
        }
        Ok(u16::try_from(unit).ok())
    }
}

impl<R: BufRead> Read for Mended<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Return one byte at a time, as the parser requests them, so that nothing behind the document is consumed.
        let Some(place) = buffer.first_mut() else { return Ok(0) };
        while self.ready.is_empty() {
            if !self.step()? {
                return Ok(0);
            }
        }
        *place = self.ready.pop_front().unwrap_or_default();
        Ok(1)
    }
}

const fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn mended(text: &str) -> serde_json::Result<Value> {
        let mut source = text.as_bytes();
        let first = source[0];
        source.consume(1);
        serde_json::from_reader(Mended::new(first, &mut source))
    }

    #[test]
    fn what_is_no_number_is_null_and_stays_in_a_text() {
        let odd = r#"{"a":NaN,"b":-Infinity,"c":[nan,inf,1e999,-1e5],"d":"NaN, -Infinity","e":true}"#;
        let read = json!({"a": null, "b": null, "c": [null, null, null, -1e5], "d": "NaN, -Infinity", "e": true});
        assert_eq!(mended(odd).unwrap(), read);
    }

    #[test]
    fn half_a_character_is_one_that_is_lost() {
        for (odd, read) in [
            (r#"["\ud83d"]"#, "\u{fffd}"),
            (r#"["\ud83d\ude00"]"#, "\u{1f600}"),
            (r#"["\ude00\ud83d"]"#, "\u{fffd}\u{fffd}"),
            (r#"["\ud83d\ud83d\ude00"]"#, "\u{fffd}\u{1f600}"),
            (r#"["\ud83d\n"]"#, "\u{fffd}\n"),
            (r#"["\ud83dx"]"#, "\u{fffd}x"),
            (r#"["\ud83d\u0041\u12"]"#, "\u{fffd}A\u{fffd}"),
            (r#"["C:\models\x"]"#, "C:\\models\\x"),
            ("[\"a\u{1}\nb\"]", "a  b"),
        ] {
            assert_eq!(mended(odd).unwrap(), json!([read]), "{odd}");
        }
    }

    proptest! {
        #[test]
        fn json_is_left_as_it_is(text in any::<String>(), number in any::<f64>(), count in any::<i64>()) {
            let number = if number.is_finite() { number } else { 0.0 };
            let document = json!({"text": text, "list": [number, count, null, true], "": {}});
            prop_assert_eq!(mended(&document.to_string()).unwrap(), document);
        }
    }
}
