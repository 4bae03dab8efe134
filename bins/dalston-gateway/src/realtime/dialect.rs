//! OpenAI's realtime protocol in the place of the stream's own.

use super::{
    items::{Events, Items},
    update::Wanted,
};
use crate::session::{Dialect, Fault, Heard, Texts, Wish};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytestring::ByteString;
use dalston_service::Stream;
use dalston_stream::{ClientFrame, Kind, Said, StreamConfig};
use serde_json::{Value, json};

/// Milliseconds of audio that a commit needs at least, as with OpenAI.
const LEAST: u64 = 100;

/// A client of OpenAI's protocol.
pub(super) struct Realtime {
    wanted: Wanted,
    items: Items,
    session: String,
    /// Whether the client uses the newer names.
    is_newer: bool,
    /// Bytes since the last commit.
    since: u64,
}

impl Realtime {
    pub(super) fn new() -> Self {
        let items = Items::new(Events::new(""));
        Self { wanted: Wanted::default(), items, session: String::new(), is_newer: false, since: 0 }
    }

    /// The stream that serves what the client wants by now.
    pub(super) fn config(&self) -> StreamConfig {
        self.wanted.config()
    }

    fn update(&mut self, event: &Value, has_heard: bool, say: &mut Texts) -> Wish {
        let before = self.config();
        let wanted = match self.wanted.updated(&event["session"]) {
            Ok(wanted) => wanted,
            Err(param) => return self.refuse(event, "invalid_value", param, "The value cannot be served", say),
        };
        let after = wanted.config();
        if has_heard && after.encoding != before.encoding {
            let message = "The format cannot change once audio was sent";
            return self.refuse(event, "invalid_value", "session.input_audio_format", message, say);
        }
        self.wanted = wanted;
        let (kind, session) = if self.is_newer {
            ("session.updated", self.wanted.newer(&self.session))
        } else {
            ("transcription_session.updated", self.wanted.older(&self.session))
        };
        self.items.say(say, kind, json!({"session": session}));
        if after == before {
            Wish::Nothing
        } else if has_heard {
            let config = json!({"type": "config", "language": after.language, "model": after.model});
            Wish::Pass(ClientFrame::Control(ByteString::from(config.to_string())))
        } else {
            Wish::Replace(after)
        }
    }

    fn append(&mut self, event: &Value, say: &mut Texts) -> Wish {
        let audio = event["audio"].as_str().and_then(|text| STANDARD.decode(text).ok());
        let Some(audio) = audio else {
            return self.refuse(event, "invalid_value", "audio", "The audio must be a text of base64", say);
        };
        self.since += audio.len() as u64;
        if audio.is_empty() { Wish::Nothing } else { Wish::Pass(ClientFrame::Audio(audio.into())) }
    }

    fn commit(&mut self, event: &Value, say: &mut Texts) -> Wish {
        if self.config().millis(self.since) < LEAST {
            let message = "The buffer has less than 100 ms of audio";
            return self.refuse(event, "input_audio_buffer_commit_empty", "", message, say);
        }
        self.since = 0;
        self.items.committed(say);
        control("flush")
    }

    /// Refuses an event: never with what was sent, but for the event's own id.
    fn refuse(&mut self, event: &Value, code: &str, param: &str, message: &str, say: &mut Texts) -> Wish {
        let plain =
            |id: &&str| id.len() <= 512 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        let error = json!({
            "type": "invalid_request_error",
            "code": code,
            "message": message,
            "param": Some(param).filter(|param| !param.is_empty()),
            "event_id": event["event_id"].as_str().filter(plain),
        });
        self.items.say(say, "error", json!({"error": error}));
        Wish::Nothing
    }
}

impl Dialect for Realtime {
    fn begin(&mut self, stream: &Stream, say: &mut Texts) {
        self.session = stream.id.to_string();
        self.items = Items::new(Events::new(&self.session));
        let session = self.wanted.older(&self.session);
        self.items.say(say, "transcription_session.created", json!({"session": session}));
    }

    fn hear(&mut self, message: Heard, has_heard: bool, say: &mut Texts) -> Wish {
        let Heard::Text(text) = message else {
            return self.refuse(&Value::Null, "invalid_event", "", "An event is a text of JSON", say);
        };
        let event: Value = serde_json::from_str(&text).unwrap_or_default();
        match event["type"].as_str() {
            Some("transcription_session.update") => {
                self.is_newer = false;
                self.update(&event, has_heard, say)
            }
            Some("session.update") if event["session"]["type"] == "transcription" => {
                self.is_newer = true;
                self.update(&event, has_heard, say)
            }
            Some("input_audio_buffer.append") => self.append(&event, say),
            Some("input_audio_buffer.commit") => self.commit(&event, say),
            Some("input_audio_buffer.clear") => {
                self.since = 0;
                self.items.cleared(say);
                control("clear")
            }
            _ => self.refuse(&event, "invalid_event", "type", "This type of event is not taken", say),
        }
    }

    fn tell(&mut self, said: Said, say: &mut Texts) {
        let message: Value = serde_json::from_str(&said.text).unwrap_or_default();
        let text = message["text"].as_str().unwrap_or_default();
        match said.kind {
            Kind::Partial => self.items.partial(text, say),
            Kind::Final => self.items.stands(text, self.wanted.by_voice, say),
            Kind::SpeechStart if self.wanted.by_voice => {
                self.items.speech_started(millis(&message["timestamp"]), say);
            }
            Kind::SpeechEnd if self.wanted.by_voice => {
                self.since = 0;
                self.items.speech_stopped(millis(&message["timestamp"]), say);
            }
            Kind::Warning if message["code"] == "no_transcript" => self.items.is_mute = true,
            Kind::SpeechStart | Kind::SpeechEnd | Kind::Warning => {}
            Kind::End => self.items.ended(say),
            Kind::Error => {
                let (code, text) = (&message["code"], &message["message"]);
                let error =
                    json!({"type": "server_error", "code": code, "message": text, "param": null, "event_id": null});
                self.items.say(say, "error", json!({"error": error}));
            }
        }
    }

    fn fault(&mut self, fault: &Fault, say: &mut Texts) {
        let Fault { code, message, recoverable } = fault;
        let kind = if recoverable.unwrap_or(true) { "server_error" } else { "invalid_request_error" };
        let error = json!({"type": kind, "code": code, "message": message, "param": null, "event_id": null});
        self.items.say(say, "error", json!({"error": error}));
    }
}

fn control(kind: &str) -> Wish {
    Wish::Pass(ClientFrame::Control(ByteString::from(json!({"type": kind}).to_string())))
}

/// Milliseconds of a time in seconds.
fn millis(seconds: &Value) -> u64 {
    let millis = (seconds.as_f64().unwrap_or_default() * 1_000.0).round().clamp(0.0, 1e15);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    let millis = millis as u64;
    millis
}
