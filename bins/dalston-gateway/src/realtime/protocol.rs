//! OpenAI's realtime protocol as the wire protocol of a stream.

use super::{
    items::{EventEmitter, Items},
    update::{FORMAT, Names, Unserved, Wanted},
};
use crate::session::{ClientAction, ClientMessage, OutboundQueue, SessionFault, WireProtocol};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytestring::ByteString;
use dalston_stream::{ClientFrame, StreamConfig, WorkerEvent, WorkerEventKind};
use dalston_work::SessionId;
use serde_json::{Value, json};

/// Minimum of audio in a commit, in milliseconds. The same as OpenAI's.
const LEAST: u64 = 100;

/// Error message for clients that ask for more than transcripts.
const ONLY: &str = "session.type must be transcription: audio is transcribed here, no conversation is held";
const UNKNOWN: &str =
    "This type of event is not taken: session.update, input_audio_buffer.append, .commit and .clear are";

/// Whether this type of event belongs to conversations only.
fn is_of_conversations(kind: &str) -> bool {
    ["response.", "conversation.", "output_audio_buffer."].iter().any(|prefix| kind.starts_with(prefix))
}

/// The wire protocol of a client that speaks OpenAI's protocol.
pub(super) struct Realtime {
    wanted: Wanted,
    items: Items,
    session: String,
    names: Names,
    /// Bytes of audio since the last commit.
    since: u64,
}

impl Realtime {
    /// Returns the protocol for a client that uses these names, and that requested this model when it connected.
    pub(super) fn new(names: Names, model: Option<String>) -> Self {
        let items = Items::new(names, EventEmitter::new(""));
        Self { wanted: Wanted::of(model), items, session: String::new(), names, since: 0 }
    }

    /// Returns the stream configuration for the current session settings.
    pub(super) fn config(&self) -> StreamConfig {
        self.wanted.config()
    }

    /// Applies an update of the session, and confirms it with an event of this type, in these names.
    fn update(
        &mut self,
        event: &Value,
        (kind, names): (&str, Names),
        has_heard: bool,
        say: &mut OutboundQueue,
    ) -> ClientAction {
        let before = self.config();
        let wanted = match self.wanted.updated(&event["session"]) {
            Ok(wanted) => wanted,
            Err(unserved @ Unserved { wanted, .. }) => {
                return self.refuse(event, "invalid_value", unserved.field(names), wanted, say);
            }
        };
        let after = wanted.config();
        if has_heard && after.encoding != before.encoding {
            let message = "The format cannot change once audio was sent";
            return self.refuse(event, "invalid_value", FORMAT.field(names), message, say);
        }
        self.wanted = wanted;
        let session = self.wanted.session(names, &self.session);
        self.items.say(say, kind, json!({"session": session}));
        if after == before {
            ClientAction::Nothing
        } else if has_heard {
            let config = json!({"type": "config", "language": after.language, "model": after.model});
            ClientAction::Pass(ClientFrame::Control(ByteString::from(config.to_string())))
        } else {
            ClientAction::Replace(after)
        }
    }

    fn append(&mut self, event: &Value, say: &mut OutboundQueue) -> ClientAction {
        let audio = event["audio"].as_str().and_then(|text| STANDARD.decode(text).ok());
        let Some(audio) = audio else {
            return self.refuse(event, "invalid_value", "audio", "The audio must be a text of base64", say);
        };
        self.since += audio.len() as u64;
        if audio.is_empty() { ClientAction::Nothing } else { ClientAction::Pass(ClientFrame::Audio(audio.into())) }
    }

    fn commit(&mut self, event: &Value, say: &mut OutboundQueue) -> ClientAction {
        if self.config().millis(self.since) < LEAST {
            let message = "The buffer has less than 100 ms of audio";
            return self.refuse(event, "input_audio_buffer_commit_empty", "", message, say);
        }
        self.since = 0;
        self.items.committed(say);
        control("flush")
    }

    /// Refuses an event. The error repeats nothing that the client sent except the event's own id.
    fn refuse(
        &mut self,
        event: &Value,
        code: &str,
        param: &str,
        message: &str,
        say: &mut OutboundQueue,
    ) -> ClientAction {
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
        ClientAction::Nothing
    }
}

impl WireProtocol for Realtime {
    fn begin(&mut self, session: SessionId, _: &StreamConfig, say: &mut OutboundQueue) {
        self.session = session.to_string();
        self.items = Items::new(self.names, EventEmitter::new(&self.session));
        let session = self.wanted.session(self.names, &self.session);
        let kind = match self.names {
            Names::Beta => "transcription_session.created",
            Names::Current => "session.created",
        };
        self.items.say(say, kind, json!({"session": session}));
    }

    fn on_client_message(&mut self, message: ClientMessage, has_heard: bool, say: &mut OutboundQueue) -> ClientAction {
        let ClientMessage::Text(text) = message else {
            return self.refuse(&Value::Null, "invalid_event", "", "An event is a text of JSON", say);
        };
        let event: Value = serde_json::from_str(&text).unwrap_or_default();
        match event["type"].as_str() {
            Some("transcription_session.update") => {
                self.update(&event, ("transcription_session.updated", Names::Beta), has_heard, say)
            }
            Some("session.update") => match event["session"]["type"].as_str() {
                Some("transcription") => self.update(&event, ("session.updated", Names::Current), has_heard, say),
                // The beta had no such field.
                None if event["session"]["type"].is_null() => {
                    self.update(&event, ("session.updated", self.names), has_heard, say)
                }
                _ => self.refuse(&event, "invalid_value", "session.type", ONLY, say),
            },
            Some("input_audio_buffer.append") => self.append(&event, say),
            Some("input_audio_buffer.commit") => self.commit(&event, say),
            Some("input_audio_buffer.clear") => {
                self.since = 0;
                self.items.cleared(say);
                control("clear")
            }
            Some(kind) if is_of_conversations(kind) => self.refuse(&event, "invalid_event", "type", ONLY, say),
            _ => self.refuse(&event, "invalid_event", "type", UNKNOWN, say),
        }
    }

    fn on_worker_event(&mut self, said: WorkerEvent, say: &mut OutboundQueue) {
        let message: Value = serde_json::from_str(&said.text).unwrap_or_default();
        let text = message["text"].as_str().unwrap_or_default();
        match said.kind {
            WorkerEventKind::Partial => self.items.partial(text, say),
            WorkerEventKind::Final => {
                let time = |name: &str| message[name].as_f64().unwrap_or_default();
                let seconds = (time("end") - time("start")).max(0.0);
                self.items.stands(text, seconds, self.wanted.by_voice, say);
            }
            WorkerEventKind::SpeechStart if self.wanted.by_voice => {
                self.items.speech_started(millis(&message["timestamp"]), say);
            }
            WorkerEventKind::SpeechEnd if self.wanted.by_voice => {
                self.since = 0;
                self.items.speech_stopped(millis(&message["timestamp"]), say);
            }
            WorkerEventKind::Warning if message["code"] == "no_transcript" => {
                self.items.no_transcript_reason = message["message"].as_str().map(str::to_owned);
            }
            WorkerEventKind::SpeechStart | WorkerEventKind::SpeechEnd | WorkerEventKind::Warning => {}
            WorkerEventKind::End => self.items.ended(say),
            WorkerEventKind::Error => {
                let (code, text) = (&message["code"], &message["message"]);
                let error =
                    json!({"type": "server_error", "code": code, "message": text, "param": null, "event_id": null});
                self.items.say(say, "error", json!({"error": error}));
            }
        }
    }

    fn fault(&mut self, fault: &SessionFault, say: &mut OutboundQueue) {
        let SessionFault { code, message, recoverable } = fault;
        let kind = if recoverable.unwrap_or(true) { "server_error" } else { "invalid_request_error" };
        let error = json!({"type": kind, "code": code, "message": message, "param": null, "event_id": null});
        self.items.say(say, "error", json!({"error": error}));
    }
}

fn control(kind: &str) -> ClientAction {
    ClientAction::Pass(ClientFrame::Control(ByteString::from(json!({"type": kind}).to_string())))
}

/// Converts seconds to milliseconds.
fn millis(seconds: &Value) -> u64 {
    let millis = (seconds.as_f64().unwrap_or_default() * 1_000.0).round().clamp(0.0, 1e15);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    let millis = millis as u64;
    millis
}
