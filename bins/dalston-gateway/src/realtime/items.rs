//! Conversation items: each gets one transcript, in order.

use super::update::Names;
use crate::{session::OutboundQueue, stream::push};
use serde_json::{Value, json};
use std::collections::VecDeque;

/// Maximum number of items that wait for their transcript. Above it, the oldest fails.
const WAITING: usize = 64;
/// Maximum number of bytes of final text kept before the client commits.
const TEXT: usize = 64 * 1024;

/// Emits events, each with a unique id.
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

/// The conversation items of a session.
pub(super) struct Items {
    names: Names,
    events: EventEmitter,
    made: u64,
    /// The item being spoken, and whether it was committed before its speech ended.
    open: Option<(String, bool)>,
    /// Items that wait for their transcript, oldest first.
    waiting: VecDeque<String>,
    previous: Option<String>,
    /// The item whose transcript was last sent in part, and the text that was sent as deltas.
    sent: (String, String),
    /// Final text of an item that the client has not committed yet.
    kept: String,
    /// Duration of the audio of `kept`, in seconds.
    uncommitted_seconds: f64,
    /// Whether a partial text was received and its final text was not yet.
    is_pending: bool,
    /// The reason why no transcript will come, if the worker has given one.
    pub(super) no_transcript_reason: Option<String>,
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
            sent: (String::new(), String::new()),
            kept: String::new(),
            uncommitted_seconds: 0.0,
            is_pending: false,
            no_transcript_reason: None,
        }
    }

    /// Emits an event that belongs to no item.
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

    /// Handles a commit of the client: the final text so far is the item's transcript, unless more text is pending.
    pub(super) fn committed(&mut self, say: &mut OutboundQueue) {
        // The item stays open: its speech goes on until the worker reports the end.
        let id = match &mut self.open {
            Some((id, is_committed)) if !*is_committed => {
                *is_committed = true;
                id.clone()
            }
            _ => self.make(),
        };
        self.commit(id, say);
        if !self.kept.is_empty() && !self.is_pending {
            let (text, seconds) = (std::mem::take(&mut self.kept), std::mem::take(&mut self.uncommitted_seconds));
            self.complete(&text, seconds, say);
        }
    }

    /// Handles a clear of the client: uncommitted audio and its text are discarded.
    pub(super) fn cleared(&mut self, say: &mut OutboundQueue) {
        self.open = None;
        self.kept.clear();
        self.uncommitted_seconds = 0.0;
        self.is_pending = false;
        self.say(say, "input_audio_buffer.cleared", json!({}));
    }

    /// Handles a partial text: emits what was added to it, provided that it continues what was already sent.
    pub(super) fn partial(&mut self, text: &str, say: &mut OutboundQueue) {
        self.is_pending = true;
        if let Some(id) = self.current() {
            self.delta(&id, text, say);
        }
    }

    /// Handles a final text: it is the transcript of the oldest waiting item, or of the item being spoken.
    ///
    /// If there is no such item, then with `by_voice` the text becomes an item of its own, and otherwise it is kept
    /// until the client commits. `seconds` is the duration of its audio.
    pub(super) fn stands(&mut self, text: &str, seconds: f64, by_voice: bool, say: &mut OutboundQueue) {
        self.is_pending = false;
        if self.waiting.is_empty() {
            if !by_voice {
                if self.kept.len() + text.len() < TEXT {
                    if !self.kept.is_empty() {
                        self.kept.push(' ');
                    }
                    self.kept.push_str(text);
                    self.uncommitted_seconds += seconds;
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
        let seconds = std::mem::take(&mut self.uncommitted_seconds) + seconds;
        self.complete(whole.trim(), seconds, say);
    }

    /// Handles the end of the session: items without a transcript fail.
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
        if self.no_transcript_reason.is_some() {
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
        let kind = "conversation.item.input_audio_transcription.completed";
        let usage = json!({"type": "duration", "seconds": (seconds * 1_000.0).round() / 1_000.0});
        self.say(say, kind, json!({"item_id": id, "content_index": 0, "transcript": text, "usage": usage}));
    }

    fn delta(&mut self, id: &str, text: &str, say: &mut OutboundQueue) {
        let sent = if self.sent.0 == id { self.sent.1.as_str() } else { "" };
        // Deltas cannot be retracted: if the text diverges from what was sent, it is sent as a whole once it is final.
        let Some(delta) = text.strip_prefix(sent).filter(|delta| !delta.is_empty()) else { return };
        let kind = "conversation.item.input_audio_transcription.delta";
        let fields = json!({"item_id": id, "content_index": 0, "delta": delta});
        self.sent = (id.to_owned(), text.to_owned());
        self.say(say, kind, fields);
    }

    fn fail(&mut self, id: &str, say: &mut OutboundQueue) {
        let message = self.no_transcript_reason.as_deref().unwrap_or("No transcript was made of this item");
        let error = json!({"type": "server_error", "code": "no_transcript", "message": message, "param": null});
        let kind = "conversation.item.input_audio_transcription.failed";
        self.say(say, kind, json!({"item_id": id, "content_index": 0, "error": error}));
    }

    /// Returns the item that a partial text belongs to.
    fn current(&self) -> Option<String> {
        self.waiting.front().or(self.open.as_ref().map(|(id, _)| id)).cloned()
    }

    fn make(&mut self) -> String {
        self.made += 1;
        format!("item_{}_{}", self.events.session, self.made)
    }
}
