//! The contents of a link: frames of the client, and messages of the worker.

use bytes::Bytes;
use bytestring::ByteString;
use serde::Deserialize;
use serde_json::Value;

/// A frame of the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientFrame {
    /// Audio.
    Audio(Bytes),
    /// A JSON message, unchanged.
    Control(ByteString),
}

impl ClientFrame {
    /// Returns the frame that ends the audio. The worker then sends its remaining events and `session.end`.
    pub const fn end() -> Self {
        Self::Control(ByteString::from_static(r#"{"type":"end"}"#))
    }
}

/// The type of a worker's event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerEventKind {
    /// A text that may still change.
    Partial,
    /// A final text.
    Final,
    /// The start of speech.
    SpeechStart,
    /// The end of speech.
    SpeechEnd,
    /// A warning.
    Warning,
    /// The last event of a session.
    End,
    /// An error.
    Error,
}

impl WorkerEventKind {
    /// Returns the name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Partial => "transcript.partial",
            Self::Final => "transcript.final",
            Self::SpeechStart => "vad.speech_start",
            Self::SpeechEnd => "vad.speech_end",
            Self::Warning => "warning",
            Self::End => "session.end",
            Self::Error => "error",
        }
    }

    fn named(name: &str) -> Option<Self> {
        let all =
            [Self::Partial, Self::Final, Self::SpeechStart, Self::SpeechEnd, Self::Warning, Self::End, Self::Error];
        all.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// An event of a worker: its message, a JSON object, unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerEvent {
    /// The event's type.
    pub kind: WorkerEventKind,
    /// The message.
    pub text: ByteString,
}

impl WorkerEvent {
    /// Parses a message. Returns `None` unless it is a JSON object of a known type.
    pub fn read(text: ByteString) -> Option<Self> {
        #[derive(Deserialize)]
        struct Typed<'a> {
            #[serde(borrow, rename = "type")]
            kind: std::borrow::Cow<'a, str>,
        }
        // Serde would also read a list with one string as a struct with one field.
        let is_object = text.trim_start().starts_with('{');
        let typed = serde_json::from_str::<Typed<'_>>(&text).ok().filter(|_| is_object)?;
        Some(Self { kind: WorkerEventKind::named(&typed.kind)?, text })
    }

    /// Creates a message of this type with these further fields.
    pub fn new(kind: WorkerEventKind, fields: Value) -> Self {
        let mut message = serde_json::Map::from_iter([("type".to_owned(), kind.as_str().into())]);
        if let Value::Object(fields) = fields {
            message.extend(fields);
        }
        Self { kind, text: Value::Object(message).to_string().into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_objects_of_a_known_type_are_messages() {
        let read = |text: &'static str| WorkerEvent::read(ByteString::from_static(text)).map(|said| said.kind);
        assert_eq!(read(r#"{"text":"a","type":"transcript.final"}"#), Some(WorkerEventKind::Final));
        assert_eq!(read(r#"{"type":"session\u002eend"}"#), Some(WorkerEventKind::End));
        for wrong in [
            "",
            "[]",
            "7",
            r#"{"type":"session.begin"}"#,
            r#"{"type":7}"#,
            r#"{"type":"error"} trailing"#,
            r#"{"type":"error","type":"warning"}"#,
            r#"["error"]"#,
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_said_here_reads_as_it_was_meant() {
        let said = WorkerEvent::new(WorkerEventKind::SpeechStart, json!({"timestamp": 1.5}));
        assert_eq!(said.text, r#"{"type":"vad.speech_start","timestamp":1.5}"#);
        assert_eq!(WorkerEvent::read(said.text.clone()), Some(said));
    }
}
