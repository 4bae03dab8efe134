//! JSON values of any type, as other programs write them. Keeps of lists and objects only a short text.

use serde::{
    Deserialize,
    de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use std::fmt;

/// Maximum number of bytes kept of a list, an object or an error message.
const GIST: usize = 200;

/// A JSON value.
#[derive(Debug, Default, PartialEq)]
pub(super) enum Loose {
    /// Absent, null, or an empty list or object.
    #[default]
    Nothing,
    Flag(bool),
    Number(f64),
    Text(String),
    /// A list or object that is not empty, with the beginning of its texts.
    Many(String),
}

impl Loose {
    /// Returns the number, which may also be written in a string. `None` when it is not finite.
    pub(super) fn number(&self) -> Option<f64> {
        let number = match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.filter(|number: &f64| number.is_finite())
    }

    /// Returns the string.
    pub(super) fn text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the string if it is not empty and has at most 255 bytes.
    pub(super) fn name(self) -> Option<String> {
        self.text().filter(|text| !text.is_empty() && text.len() <= 255)
    }

    /// Returns the value as an error message, unless it means "no error": null, false, 0 or empty.
    pub(super) fn error_text(self) -> Option<String> {
        match self {
            Self::Nothing | Self::Flag(false) => None,
            Self::Number(number) => (number != 0.0).then(|| number.to_string()),
            Self::Flag(true) => Some(String::new()),
            Self::Text(text) | Self::Many(text) => {
                Some(text[..text.floor_char_boundary(GIST)].to_owned()).filter(|text| !text.trim().is_empty())
            }
        }
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Loose;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Loose, E> {
        Ok(Loose::Nothing)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Loose, E> {
        Ok(Loose::Flag(flag))
    }

    #[expect(clippy::cast_precision_loss, reason = "no number of a transcript is that large")]
    fn visit_u64<E>(self, number: u64) -> Result<Loose, E> {
        Ok(Loose::Number(number as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "no number of a transcript is that large")]
    fn visit_i64<E>(self, number: i64) -> Result<Loose, E> {
        Ok(Loose::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Loose, E> {
        Ok(Loose::Number(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Loose, E> {
        Ok(Loose::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Loose, E> {
        Ok(Loose::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Loose, A::Error> {
        let mut gist = None;
        while let Some(element) = elements.next_element()? {
            add(&mut gist, element);
        }
        Ok(gist.map_or(Loose::Nothing, Loose::Many))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Loose, A::Error> {
        let mut gist = None;
        while let Some((IgnoredAny, member)) = members.next_entry()? {
            add(&mut gist, member);
        }
        Ok(gist.map_or(Loose::Nothing, Loose::Many))
    }
}

/// Appends a member to the text that is kept of a list or object.
fn add(gist: &mut Option<String>, part: Loose) {
    let gist = gist.get_or_insert_default();
    if gist.len() < GIST
        && let Some(text) = part.error_text()
    {
        gist.push_str(if gist.is_empty() { "" } else { " " });
        gist.push_str(&text);
    }
}
