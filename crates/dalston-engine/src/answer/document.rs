//! One pass over a JSON document: the elements of its lists go by one by one, none of the lists is ever whole in memory.

use super::raw::{RawSegment, RawWord};
use crate::EngineError;
use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;
use std::{
    fmt,
    io::{BufReader, Read},
    marker::PhantomData,
};

/// What clients read.
const UNREADABLE: &str = "The answer of the engine cannot be read";

/// What a document says beside its lists.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) language: Option<String>,
    pub(super) duration: Option<f64>,
    pub(super) model: Option<String>,
    /// How many segments it has.
    pub(super) segments: u64,
    pub(super) text: Option<String>,
}

/// Takes an element.
type Take<'a, T> = &'a mut dyn FnMut(T) -> Result<(), EngineError>;

/// What a pass is for.
pub(super) enum Pass<'a> {
    /// All that is short, the number of segments, and each word of the list at the top.
    Overview(Take<'a, RawWord>),
    /// Each segment.
    Segments(Take<'a, RawSegment>),
    /// The text.
    Text,
}

/// Makes a pass.
pub(super) fn pass(file: impl Read, pass: Pass<'_>) -> Result<Said, EngineError> {
    let mut failed = None;
    let mut json = serde_json::Deserializer::from_reader(BufReader::with_capacity(64 * 1024, file));
    let said = Document { pass, failed: &mut failed }.deserialize(&mut json);
    match (failed, said) {
        (Some(error), _) => Err(error),
        (None, Ok(said)) => Ok(said),
        (None, Err(error)) if error.is_io() => Err(EngineError::Io(error.into())),
        (None, Err(error)) => Err(EngineError::Rejected(UNREADABLE, error.to_string())),
    }
}

struct Document<'a, 'f> {
    pass: Pass<'a>,
    failed: &'f mut Option<EngineError>,
}

impl<'de> DeserializeSeed<'de> for Document<'_, '_> {
    type Value = Said;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Said, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = Said;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a transcript as an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Said, A::Error> {
        let mut said = Said::default();
        while let Some(name) = members.next_key::<String>()? {
            match (name.as_str(), &mut self.pass) {
                ("words", Pass::Overview(take)) => members.next_value_seed(Elements::new(take, self.failed))?,
                // `transcription`: whisper.cpp.
                ("segments" | "transcription", Pass::Overview(_)) => {
                    let mut count = |_: IgnoredAny| {
                        said.segments += 1;
                        Ok(())
                    };
                    members.next_value_seed(Elements::new(&mut count, self.failed))?;
                }
                ("segments" | "transcription", Pass::Segments(take)) => {
                    members.next_value_seed(Elements::new(take, self.failed))?;
                }
                ("text", Pass::Text) => said.text = members.next_value()?,
                ("language", Pass::Overview(_)) => said.language = text(members.next_value()?),
                ("duration", Pass::Overview(_)) => said.duration = number(&members.next_value()?),
                // whisper.cpp: an object here, and the name of a file in others.
                ("result", Pass::Overview(_)) => {
                    let mut result: Value = members.next_value()?;
                    said.language = said.language.or_else(|| text(result["language"].take()));
                }
                ("model", Pass::Overview(_)) => said.model = text(members.next_value()?),
                _ => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(said)
    }
}

/// The elements of a list, or of none.
struct Elements<'a, 'f, T> {
    take: Take<'a, T>,
    failed: &'f mut Option<EngineError>,
    of: PhantomData<T>,
}

impl<'a, 'f, T> Elements<'a, 'f, T> {
    fn new(take: Take<'a, T>, failed: &'f mut Option<EngineError>) -> Self {
        Self { take, failed, of: PhantomData }
    }
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Elements<'_, '_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Elements<'_, '_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element()? {
            if let Err(error) = (self.take)(element) {
                *self.failed = Some(error);
                return Err(A::Error::custom("not taken"));
            }
        }
        Ok(())
    }
}

/// A short text.
fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() && text.len() <= 255 => Some(text),
        _ => None,
    }
}

/// A number, which some servers write as a text.
fn number(value: &Value) -> Option<f64> {
    let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
    number.filter(|number| number.is_finite() && *number >= 0.0)
}
