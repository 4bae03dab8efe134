//! State machine of a session. It does no I/O and reads no clock: it takes events with the time, and answers each with the
//! one action that is next.
//!
//! Back-pressure holds in both directions. While the worker has no room for a frame, nothing is read from the client; while
//! the client does not take a text, nothing is read from the worker.

use super::wire_protocol::{ClientAction, ClientMessage, OutboundQueue, SessionFault, WireProtocol};
use crate::{frames::ProtocolViolation, messages::SocketMessage, outbox::OutboundFrame};
use actix_http::ws::CloseCode;
use dalston_service::{CloseReason, ServiceError, ServiceResult};
use dalston_stream::{ClientFrame, StreamConfig, WorkerEvent, WorkerEventKind};
use dalston_work::SessionId;
use std::{borrow::Cow, mem, time::Duration};

/// Longest time from the request to end until the worker has sent its last event.
pub(super) const DRAIN: Duration = Duration::from_secs(10);

/// What happened: the result of the last action, or what the session waited for.
#[derive(Debug)]
pub(super) enum SessionEvent {
    /// The frame of the last action was written, or passed.
    Done,
    /// The service ends the session.
    StopSignal(CloseReason),
    /// A message of the client.
    Client(SocketMessage),
    /// The client violates the WebSocket protocol.
    ClientBroken(ProtocolViolation),
    /// No message of the client within the idle time.
    ClientIdle,
    /// It is time to ping the client.
    KeepaliveDue,
    /// The client has disconnected or takes nothing, or the service no longer knows the session.
    Gone,
    /// The worker has room for a frame.
    WorkerReady,
    /// The worker takes no more frames. What it sent before can still be read.
    WorkerClosed,
    /// An event of the worker.
    Worker(WorkerEvent),
    /// The worker has disconnected.
    WorkerGone,
    /// The audio of the last action was reserved, or not.
    AudioReserved(ServiceResult<()>),
    /// The worker was replaced, or not: `Ok(false)` when no worker has room.
    WorkerReplaced(ServiceResult<bool>),
    /// The limit of the last [`Interest`] has passed.
    DeadlineReached,
}

/// What is to be done next. Its result is the next event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SessionAction {
    /// Wait for the next event.
    Wait(Interest),
    /// Write a frame to the client.
    Send(OutboundFrame),
    /// Pass a frame to the worker, which has room for it.
    Pass(ClientFrame),
    /// Reserve this many bytes of audio in the quota of the day.
    ReserveAudio(usize),
    /// Replace the worker by one with this configuration.
    ReplaceWorker(StreamConfig),
    /// End the session as [`SessionState::into_closing`] says.
    Close,
}

/// Events to wait for, besides those that are always waited for: a signal to stop, the worker's events, the keepalive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interest {
    /// Read from the client. Without, the client waits, and its silence is not idleness.
    pub(super) client: bool,
    /// Wait for room at the worker.
    pub(super) worker_room: bool,
    /// Wait this long at most.
    pub(super) limit: Option<Duration>,
}

/// How a session ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SessionEnd {
    /// With a close code and a reason.
    Closed(CloseCode, Cow<'static, str>),
    /// Without: nobody is there to read it, or the client has closed.
    Gone,
}

impl SessionEnd {
    const fn closed(code: CloseCode, reason: &'static str) -> Self {
        Self::Closed(code, Cow::Borrowed(reason))
    }
}

/// What is left to do when a session closes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ClosingSession {
    pub(super) end: SessionEnd,
    /// Texts to write before the close.
    pub(super) outbound: OutboundQueue,
    /// Whether the worker is to be asked to end and its last events awaited.
    pub(super) worker: WorkerInput,
    /// A frame that the worker gets before.
    pub(super) pending: Option<ClientFrame>,
}

/// Whether the worker takes frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WorkerInput {
    Open,
    /// It takes no more, is gone, or has sent its last event.
    Closed,
}

#[derive(Debug)]
enum SessionPhase {
    /// Frames pass both ways.
    Open,
    /// Nothing is read from the client any more; the worker sends its last events, until `until` at the latest.
    Draining {
        end: SessionEnd,
        until: Duration,
        /// Whether the request to end was passed to the worker.
        is_asked: bool,
    },
    /// Only the close is left.
    Closing(SessionEnd),
}

/// Session of one client and one worker.
pub(super) struct SessionState<P> {
    protocol: P,
    phase: SessionPhase,
    worker: WorkerInput,
    outbound: OutboundQueue,
    /// Frame of the client that waits for room at the worker.
    pending: Option<ClientFrame>,
    has_audio: bool,
}

impl<P: WireProtocol> SessionState<P> {
    /// An open session. Its first event is [`SessionEvent::Done`].
    pub(super) fn new(mut protocol: P, session: SessionId, config: &StreamConfig) -> Self {
        let mut outbound = OutboundQueue::new();
        protocol.begin(session, config, &mut outbound);
        let (phase, worker) = (SessionPhase::Open, WorkerInput::Open);
        Self { protocol, phase, worker, outbound, pending: None, has_audio: false }
    }

    /// Takes an event at a time of the monotonic clock, and returns the next action. Messages of the client are ignored
    /// while the last [`Interest`] does not ask for them; so is everything once the action is [`SessionAction::Close`].
    pub(super) fn on(&mut self, event: SessionEvent, now: Duration) -> SessionAction {
        if matches!(self.phase, SessionPhase::Closing(_)) {
            return SessionAction::Close;
        }
        match event {
            SessionEvent::StopSignal(ending) => self.stop(ending, now),
            SessionEvent::Client(message) if self.reads_client() => {
                if let Some(action) = self.client(message) {
                    return action;
                }
            }
            // The client waits: nobody asked for its message.
            SessionEvent::Client(_) | SessionEvent::Done => {}
            SessionEvent::ClientBroken(broken) => self.close(violated(broken)),
            SessionEvent::ClientIdle => {
                self.drain(SessionEnd::closed(CloseCode::Normal, "The client said nothing for too long"), now);
            }
            SessionEvent::KeepaliveDue => return SessionAction::Send(OutboundFrame::Ping),
            SessionEvent::Gone => self.close(SessionEnd::Gone),
            SessionEvent::WorkerReady => {
                if let Some(frame) = self.next_frame() {
                    return SessionAction::Pass(frame);
                }
            }
            SessionEvent::WorkerClosed => self.worker = WorkerInput::Closed,
            SessionEvent::Worker(event) => self.worker_event(event),
            SessionEvent::WorkerGone => self.worker_gone(),
            SessionEvent::AudioReserved(reserved) => self.audio_reserved(&reserved, now),
            SessionEvent::WorkerReplaced(replaced) => self.worker_replaced(&replaced),
            SessionEvent::DeadlineReached => self.ended(),
        }
        self.next(now)
    }

    /// What is left to do, once the action is [`SessionAction::Close`].
    pub(super) fn into_closing(self) -> ClosingSession {
        let Self { phase, worker, outbound, pending, .. } = self;
        let end = match phase {
            SessionPhase::Closing(end) | SessionPhase::Draining { end, .. } => end,
            SessionPhase::Open => SessionEnd::Gone,
        };
        ClosingSession { end, outbound, worker, pending }
    }

    /// The next action, where the event itself asks for none.
    fn next(&mut self, now: Duration) -> SessionAction {
        if matches!(self.phase, SessionPhase::Closing(_)) {
            return SessionAction::Close;
        }
        if let Some(text) = self.outbound.pop_front() {
            return SessionAction::Send(OutboundFrame::Text(text));
        }
        let limit = match &self.phase {
            SessionPhase::Draining { until, .. } => Some(until.saturating_sub(now)),
            SessionPhase::Open | SessionPhase::Closing(_) => None,
        };
        // A worker that keeps sending would end every wait before its limit.
        if limit == Some(Duration::ZERO) {
            self.ended();
            return SessionAction::Close;
        }
        let worker_room = self.worker == WorkerInput::Open && self.has_frame();
        SessionAction::Wait(Interest { client: self.reads_client(), worker_room, limit })
    }

    /// Back-pressure: nothing is read while a frame waits for the worker.
    fn reads_client(&self) -> bool {
        matches!(self.phase, SessionPhase::Open) && self.worker == WorkerInput::Open && self.pending.is_none()
    }

    const fn has_frame(&self) -> bool {
        self.pending.is_some() || matches!(self.phase, SessionPhase::Draining { is_asked: false, .. })
    }

    /// Takes the next frame for the worker: that of the client, then the request to end.
    fn next_frame(&mut self) -> Option<ClientFrame> {
        if let Some(frame) = self.pending.take() {
            return Some(frame);
        }
        match &mut self.phase {
            SessionPhase::Draining { is_asked, .. } => (!mem::replace(is_asked, true)).then(ClientFrame::end),
            SessionPhase::Open | SessionPhase::Closing(_) => None,
        }
    }

    /// Takes a message of the client. What is for the worker waits until it has room.
    fn client(&mut self, message: SocketMessage) -> Option<SessionAction> {
        let message = match message {
            SocketMessage::Binary(audio) => ClientMessage::Audio(audio),
            SocketMessage::Text(text) => ClientMessage::Text(text),
            SocketMessage::Ping(payload) => return Some(SessionAction::Send(OutboundFrame::Pong(payload))),
            SocketMessage::Pong => return None,
            SocketMessage::Close => {
                self.close(SessionEnd::Gone);
                return None;
            }
        };
        match self.protocol.hear(message, self.has_audio, &mut self.outbound) {
            ClientAction::Nothing => None,
            ClientAction::Pass(frame) => {
                let audio = match &frame {
                    ClientFrame::Audio(audio) => Some(audio.len()),
                    ClientFrame::Control(_) => None,
                };
                self.pending = Some(frame);
                audio.map(SessionAction::ReserveAudio)
            }
            ClientAction::Replace(config) => Some(SessionAction::ReplaceWorker(config)),
        }
    }

    /// Passes the audio on if the quota has room for it. Else the audio before it comes to its end.
    fn audio_reserved(&mut self, reserved: &ServiceResult<()>, now: Duration) {
        match reserved {
            Ok(()) => self.has_audio |= matches!(&self.pending, Some(ClientFrame::Audio(audio)) if !audio.is_empty()),
            Err(ServiceError::Excess { excess, .. }) => {
                self.pending = None;
                let message = excess.to_string();
                self.fault(&SessionFault::new("limit_exceeded", message.clone(), false));
                self.drain(SessionEnd::Closed(CloseCode::Other(4029), message.into()), now);
            }
            Err(_) => {
                self.pending = None;
                self.close(SessionEnd::closed(CloseCode::Error, "Internal error"));
            }
        }
    }

    fn worker_replaced(&mut self, replaced: &ServiceResult<bool>) {
        let end = match replaced {
            Ok(true) => return,
            Ok(false) => {
                self.fault(&SessionFault::no_capacity());
                SessionEnd::closed(CloseCode::Again, "No workers available")
            }
            Err(ServiceError::Excess { excess, .. }) => {
                SessionEnd::Closed(CloseCode::Other(4029), excess.to_string().into())
            }
            Err(_) => SessionEnd::closed(CloseCode::Error, "Internal error"),
        };
        // The worker before was let go.
        self.worker = WorkerInput::Closed;
        self.close(end);
    }

    fn worker_event(&mut self, event: WorkerEvent) {
        let is_last = event.kind == WorkerEventKind::End;
        self.protocol.tell(event, &mut self.outbound);
        if is_last {
            self.worker = WorkerInput::Closed;
            self.ended();
        }
    }

    fn worker_gone(&mut self) {
        self.worker = WorkerInput::Closed;
        if matches!(self.phase, SessionPhase::Open) {
            self.fault(&SessionFault::new("worker_lost", "The worker is gone", true));
        }
        self.finish(SessionEnd::closed(CloseCode::Error, "The worker is gone"));
    }

    fn stop(&mut self, ending: CloseReason, now: Duration) {
        match ending {
            CloseReason::KeyEnded => self.close(SessionEnd::closed(CloseCode::Other(4001), "Invalid API key")),
            CloseReason::ScopeLost => {
                self.close(SessionEnd::closed(CloseCode::Other(4003), "Missing 'realtime' scope"));
            }
            CloseReason::Stopping => self.close(SessionEnd::closed(CloseCode::Away, "The gateway stops")),
            CloseReason::SlotLost => {
                self.fault(&SessionFault::new("session_lost", "The session's slot has lapsed", true));
                self.close(SessionEnd::closed(CloseCode::Again, "The session's slot has lapsed"));
            }
            CloseReason::TimeUp => self.drain(SessionEnd::closed(CloseCode::Normal, "The session's time is up"), now),
        }
    }

    /// The worker has sent its last event, or its time for that is over.
    fn ended(&mut self) {
        self.finish(SessionEnd::closed(CloseCode::Normal, "Session ended"));
    }

    /// Begins to drain: the worker is asked to end. A session that drains already keeps its end and its deadline.
    fn drain(&mut self, end: SessionEnd, now: Duration) {
        if matches!(self.phase, SessionPhase::Open) {
            self.phase = SessionPhase::Draining { end, until: now.saturating_add(DRAIN), is_asked: false };
        }
    }

    /// Closes with the end for which the session drains, or with this one.
    fn finish(&mut self, end: SessionEnd) {
        self.phase = match mem::replace(&mut self.phase, SessionPhase::Open) {
            SessionPhase::Open => SessionPhase::Closing(end),
            SessionPhase::Draining { end, .. } | SessionPhase::Closing(end) => SessionPhase::Closing(end),
        };
    }

    /// Closes with this end, without waiting for the worker.
    fn close(&mut self, end: SessionEnd) {
        self.phase = SessionPhase::Closing(end);
    }

    fn fault(&mut self, fault: &SessionFault) {
        self.protocol.fault(fault, &mut self.outbound);
    }
}

/// Close code of a violation of the WebSocket protocol (RFC 6455 §7.4.1).
fn violated(broken: ProtocolViolation) -> SessionEnd {
    match broken {
        ProtocolViolation::Protocol => SessionEnd::closed(CloseCode::Protocol, "Protocol error"),
        ProtocolViolation::TooLarge(what) => SessionEnd::closed(CloseCode::Size, what),
        ProtocolViolation::NotUtf8 => SessionEnd::closed(CloseCode::Invalid, "Not UTF-8"),
    }
}

#[cfg(test)]
mod tests;
