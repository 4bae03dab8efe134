//! Items: the pieces of a conversation that get a transcript each, in order.

use super::update::Names;
use crate::{session::OutboundQueue, stream::push};
use serde_json::{Value, json};
use std::collections::VecDeque;

/// Items that wait for their transcript at most; the oldest goes without.
const WAITING: usize = 64;
/// Bytes of text that are kept of what was said before a client commits.
const TEXT: usize = 64 * 1024;

/// Says events, each with an id of its own.
pub(super) struct EventEmitter {
    session: String,
    count: u64,
}

impl EventEmitter {
    pub(super) fn new(session: &str) -> Self {
        Self { session: session.rsplit('_').next().unwrap_or_default().to_owned(), count: 0 }
    }

    pub(super) fn say(&mut self, say: &mut OutboundQueue, kind: &str, fields: Value) {
        self.count += 1;
        let mut event = json!({"event_id": format!("event_{}_{}", self.session, self.count), "type": kind});
        if let (Some(event), Value::Object(fields)) = (event.as_object_mut(), fields) {
            event.extend(fields);
        }
        push(say, &event);
    }
}

/// The items of a session.
pub(super) struct Items {
    names: Names,
    events: EventEmitter,
    made: u64,
    /// The item that is being spoken, and whether it was committed before its speech ended.
    open: Option<(String, bool)>,
    /// Items that wait for their transcript, oldest first.
    waiting: VecDeque<String>,
    previous: Option<String>,
    /// What was told of the transcript under way.
    told: String,
    /// What stands, of an item that the client has not committed yet.
    kept: String,
    /// The seconds of audio that it is of.
    kept_seconds: f64,
    /// Whether a text that may change was told and not yet one that stands.
    is_pending: bool,
    /// Why no transcript will come, where the worker has said so.
    pub(super) mute: Option<String>,
}

impl Items {
    pub(super) fn new(names: Names, events: EventEmitter) -> Self {
        Self {
            names,
            events,
            made: 0,
            open: None,
            waiting: VecDeque::new(),
            previous: None,
            told: String::new(),
            kept: String::new(),
            kept_seconds: 0.0,
            is_pending: false,
            mute: None,
        }
    }

    /// Says an event that is of no item.
    pub(super) fn say(&mut self, say: &mut OutboundQueue, kind: &str, fields: Value) {
        self.events.say(say, kind, fields);
    }

    pub(super) fn speech_started(&mut self, millis: u64, say: &mut OutboundQueue) {
        let id = self.make();
        self.say(say, "input_audio_buffer.speech_started", json!({"audio_start_ms": millis, "item_id": id}));
        self.open = Some((id, false));
    }

    pub(super) fn speech_stopped(&mut self, millis: u64, say: &mut OutboundQueue) {
        let (id, is_committed) = self.open.take().unwrap_or_else(|| (self.make(), false));
        self.say(say, "input_audio_buffer.speech_stopped", json!({"audio_end_ms": millis, "item_id": id}));
        if !is_committed {
            self.commit(id, say);
        }
    }

    /// The client ends the item: what stands of it already is its transcript, unless more is under way.
    pub(super) fn committed(&mut self, say: &mut OutboundQueue) {
        // Its speech goes on until the worker says otherwise.
        let id = match &mut self.open {
            Some((id, is_committed)) if !*is_committed => {
                *is_committed = true;
                id.clone()
            }
            _ => self.make(),
        };
        self.commit(id, say);
        if !self.kept.is_empty() && !self.is_pending {
            let (text, seconds) = (std::mem::take(&mut self.kept), std::mem::take(&mut self.kept_seconds));
            self.complete(&text, seconds, say);
        }
    }

    /// The client throws away what it sent.
    pub(super) fn cleared(&mut self, say: &mut OutboundQueue) {
        self.open = None;
        self.kept.clear();
        self.kept_seconds = 0.0;
        self.told.clear();
        self.is_pending = false;
        self.say(say, "input_audio_buffer.cleared", json!({}));
    }

    /// A text that may change: what is new of it, as far as it goes on from what was told.
    pub(super) fn partial(&mut self, text: &str, say: &mut OutboundQueue) {
        self.is_pending = true;
        if let Some(id) = self.current() {
            self.delta(&id, text, say);
        }
    }

    /// A text that stands: the transcript of the oldest item that waits, or of the one that is being spoken. `by_voice`:
    /// without either it is an item of its own, else it is kept until the client commits. `seconds`: of how much audio.
    pub(super) fn stands(&mut self, text: &str, seconds: f64, by_voice: bool, say: &mut OutboundQueue) {
        self.is_pending = false;
        if self.waiting.is_empty() {
            if !by_voice {
                if self.kept.len() + text.len() < TEXT {
                    if !self.kept.is_empty() {
                        self.kept.push(' ');
                    }
                    self.kept.push_str(text);
                    self.kept_seconds += seconds;
                }
                return;
            }
            let id = match &mut self.open {
                Some((_, true)) | None => self.make(),
                Some((id, is_committed)) => {
                    *is_committed = true;
                    id.clone()
                }
            };
            self.commit(id, say);
        }
        let whole = [std::mem::take(&mut self.kept).as_str(), text].join(" ");
        let seconds = std::mem::take(&mut self.kept_seconds) + seconds;
        self.complete(whole.trim(), seconds, say);
    }

    /// Nothing more comes.
    pub(super) fn ended(&mut self, say: &mut OutboundQueue) {
        while let Some(id) = self.waiting.pop_front() {
            self.fail(&id, say);
        }
    }

    fn commit(&mut self, id: String, say: &mut OutboundQueue) {
        let previous = self.previous.replace(id.clone());
        self.say(say, "input_audio_buffer.committed", json!({"previous_item_id": previous, "item_id": id}));
        let content = json!([{"type": "input_audio", "transcript": null}]);
        let item = json!({
            "id": id, "object": "realtime.item", "type": "message", "status": "completed", "role": "user",
            "content": content,
        });
        let kinds: &[&str] = match self.names {
            Names::Beta => &["conversation.item.created"],
            Names::Current => &["conversation.item.added", "conversation.item.done"],
        };
        for kind in kinds {
            self.say(say, kind, json!({"previous_item_id": previous, "item": item}));
        }
        if self.mute.is_some() {
            return self.fail(&id, say);
        }
        if self.waiting.len() >= WAITING
            && let Some(oldest) = self.waiting.pop_front()
        {
            self.fail(&oldest, say);
        }
        self.waiting.push_back(id);
    }

    fn complete(&mut self, text: &str, seconds: f64, say: &mut OutboundQueue) {
        let Some(id) = self.waiting.front().cloned() else { return };
        self.delta(&id, text, say);
        self.waiting.pop_front();
        self.told.clear();
        let kind = "conversation.item.input_audio_transcription.completed";
        let usage = json!({"type": "duration", "seconds": (seconds * 1_000.0).round() / 1_000.0});
        self.say(say, kind, json!({"item_id": id, "content_index": 0, "transcript": text, "usage": usage}));
    }

    fn delta(&mut self, id: &str, text: &str, say: &mut OutboundQueue) {
        // What was told cannot be taken back: a text that goes another way is told when it stands.
        let Some(delta) = text.strip_prefix(self.told.as_str()).filter(|delta| !delta.is_empty()) else { return };
        let kind = "conversation.item.input_audio_transcription.delta";
        let fields = json!({"item_id": id, "content_index": 0, "delta": delta});
        text.clone_into(&mut self.told);
        self.say(say, kind, fields);
    }

    fn fail(&mut self, id: &str, say: &mut OutboundQueue) {
        let message = self.mute.as_deref().unwrap_or("No transcript was made of this item");
        let error = json!({"type": "server_error", "code": "no_transcript", "message": message, "param": null});
        let kind = "conversation.item.input_audio_transcription.failed";
        self.say(say, kind, json!({"item_id": id, "content_index": 0, "error": error}));
    }

    /// The item that a text which may change belongs to.
    fn current(&self) -> Option<String> {
        self.waiting.front().or(self.open.as_ref().map(|(id, _)| id)).cloned()
    }

    fn make(&mut self) -> String {
        self.made += 1;
        format!("item_{}_{}", self.events.session, self.made)
    }
}
