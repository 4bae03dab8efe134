//! Text fields from clients: trimmed, limited in length, without control and format characters.

use serde_json::{Map, Value};
use std::{borrow::Cow, fmt, str::FromStr};
use thiserror::Error;

/// Why a text was refused. States what is wanted, and never contains the text.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("{0}")]
pub struct TextError(&'static str);

/// Defines a text type: its name, its minimum and maximum length in characters, whether it may have several lines, and
/// its error message.
macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $min:literal..=$max:literal, $lines:literal, $why:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = TextError;

            fn from_str(text: &str) -> Result<Self, TextError> {
                let text = text.trim();
                // A browser sends the line breaks of its text areas as CRLF.
                let text = if $lines { Cow::Owned(text.replace("\r\n", "\n")) } else { Cow::Borrowed(text) };
                let length = text.chars().take($max + 1).count();
                let fits = ($min..=$max).contains(&length);
                let clean = seen(&text).all(|(c, seen)| seen || ($lines && matches!(c, '\n' | '\t')));
                if fits && clean && !looks_secret(&text) { Ok(Self(text.into_owned())) } else { Err(TextError($why)) }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                std::borrow::Cow::<str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

text_type! {
    /// The name of a key or a tenant: 1 to 255 characters after trimming.
    Name, 1..=255, false, "must be 1 to 255 characters without control and invisible characters, and not a key"
}
text_type! {
    /// The description of a key: up to 1,000 characters, several lines allowed.
    Description, 0..=1000, true, "must be at most 1000 characters without control and invisible characters, and not a key"
}

/// The name of an uploaded file, for display only: the last path component, at most 255 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName(String);

impl FileName {
    /// Sanitizes the file name from the client. Returns `None` if nothing is left.
    pub fn clean(given: &str) -> Option<Self> {
        let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
        let clean: String = seen(last.trim()).filter(|(_, seen)| *seen).map(|(c, _)| c).take(255).collect();
        (!matches!(clean.as_str(), "" | "." | "..") && !looks_secret(&clean)).then_some(Self(clean))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Metadata: a JSON object from the client, at most 4 KiB as text, without NUL characters.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Metadata(Map<String, Value>);

impl Metadata {
    /// Maximum length of the JSON text in bytes.
    pub const MAX_BYTES: usize = 4096;

    /// The metadata with this object. Fails if the object is too large or contains a NUL character.
    pub fn new(object: Map<String, Value>) -> Result<Self, TextError> {
        let text = serde_json::to_string(&object).map_err(|_| TextError("must be a JSON object"))?;
        if text.len() > Self::MAX_BYTES {
            return Err(TextError("must be a JSON object of at most 4096 bytes"));
        }
        // Postgres cannot store NUL. JSON text escapes it as `\u0000`, and escapes a backslash too.
        if text.replace("\\\\", "").contains("\\u0000") {
            return Err(TextError("must not contain a NUL character"));
        }
        Ok(Self(object))
    }

    /// The object.
    pub const fn as_object(&self) -> &Map<String, Value> {
        &self.0
    }
}

/// Formats the JSON text.
impl fmt::Display for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(&self.0).map_err(|_| fmt::Error)?)
    }
}

/// Parses the JSON text.
impl FromStr for Metadata {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        Self::new(serde_json::from_str(text).map_err(|_| TextError("must be a JSON object"))?)
    }
}

impl serde::Serialize for Metadata {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for Metadata {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Map::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Whether the character is a control or format character: these forge log lines, hide text, or reverse its direction.
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Each character, and whether it is visible. A joiner counts as visible between two visible characters, because it
/// changes their shape: Persian and Malayalam use it, and emoji of several persons (UAX #31 §2.3).
fn seen(text: &str) -> impl Iterator<Item = (char, bool)> {
    let is_visible = |c: Option<char>| c.is_some_and(|c| !is_invisible(c) && !c.is_whitespace());
    let mut before = None;
    text.char_indices().map(move |(at, c)| {
        let joins = || is_joiner(c) && is_visible(before) && is_visible(text[at + c.len_utf8()..].chars().next());
        let seen = !is_invisible(c) || joins();
        before = Some(c);
        (c, seen)
    })
}

const fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// Whether the text contains a pasted secret: `dk_` or `whsec_`, followed by at least twenty characters of a secret.
pub(crate) fn looks_secret(text: &str) -> bool {
    let without_joiners: Cow<'_, str> =
        if text.contains(is_joiner) { text.replace(is_joiner, "").into() } else { text.into() };
    let text = &*without_joiners;
    let holds = |mark: &str, signs: &[u8]| {
        text.match_indices(mark).any(|(at, mark)| {
            let rest = &text.as_bytes()[at + mark.len()..];
            rest.iter().take_while(|b| b.is_ascii_alphanumeric() || signs.contains(b)).count() >= 20
        })
    };
    holds("dk_", b"-_") || holds("whsec_", b"+/=-_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_trimmed_and_bounded() {
        assert_eq!("  Production ".parse::<Name>().unwrap().as_str(), "Production");
        assert!("é".repeat(255).parse::<Name>().is_ok());
        for wrong in ["", "   ", "a\nb", "a\u{0}b", "a\u{202e}b", "a\u{1b}[31m", &"x".repeat(256)] {
            assert!(wrong.parse::<Name>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn joiners_are_taken_between_visible_characters() {
        for name in ["می\u{200c}خواهم", "👩\u{200d}👩\u{200d}👧", "👩\u{200d}❤\u{fe0f}\u{200d}👨", "ക്\u{200d}ഷ"]
        {
            assert_eq!(name.parse::<Name>().unwrap().as_str(), name);
            assert_eq!(name.parse::<Description>().unwrap().as_str(), name);
            let file = format!("{name}.wav");
            assert_eq!(FileName::clean(&file).unwrap().as_str(), file);
        }
        for wrong in [
            "\u{200d}a",
            "a\u{200c}",
            "a \u{200d}b",
            "a\u{200d} b",
            "a\u{200d}\u{200d}b",
            "a\u{200c}\u{200d}b",
            "a\u{200b}b",
            "a\u{202e}\u{200d}b",
            "a\u{2060}b",
            "a\u{feff}b",
        ] {
            assert!(wrong.parse::<Name>().is_err() && wrong.parse::<Description>().is_err(), "{wrong:?}");
        }
        assert_eq!(FileName::clean("a\u{200d} b\u{200c}.wav").unwrap().as_str(), "a b\u{200c}.wav");
    }

    #[test]
    fn lines_of_a_browser_are_lines() {
        assert_eq!("a\r\nb\r\n\tc".parse::<Description>().unwrap().as_str(), "a\nb\n\tc");
        assert!("a\rb".parse::<Description>().is_err() && "a\r\nb".parse::<Name>().is_err());
        assert!("\r\n".repeat(999).parse::<Description>().is_ok());
        assert!(format!("a{}b", "\r\n".repeat(998)).parse::<Description>().is_ok());
        assert!(format!("a{}b", "\r\n".repeat(999)).parse::<Description>().is_err());
    }

    #[test]
    fn a_key_is_no_name() {
        assert!(format!("my dk_{}", "a".repeat(43)).parse::<Name>().is_err());
        assert!(format!("my dk_{}", "a\u{200d}".repeat(43) + "a").parse::<Name>().is_err());
        assert!("dk_short".parse::<Name>().is_ok());
    }

    #[test]
    fn a_file_name_is_its_last_component() {
        assert_eq!(FileName::clean("../../etc/passwd").unwrap().as_str(), "passwd");
        assert_eq!(FileName::clean("C:\\audio\\a.wav").unwrap().as_str(), "a.wav");
        assert_eq!(FileName::clean(".."), None);
        assert_eq!(FileName::clean("a\r\nb.wav").unwrap().as_str(), "ab.wav");
    }

    #[test]
    fn metadata_is_a_small_object() {
        assert!(r#"{"a": [1, null]}"#.parse::<Metadata>().is_ok());
        assert!(r#"{"a": "\\u0000"}"#.parse::<Metadata>().is_ok());
        for wrong in ["[]", "1", "{", r#"{"a": "\u0000"}"#, &format!("{{\"a\": \"{}\"}}", "x".repeat(4096))] {
            assert!(wrong.parse::<Metadata>().is_err());
        }
    }
}
