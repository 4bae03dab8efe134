//! State machine of a session. It does no I/O and reads no clock: it takes each event with the current time, and
//! returns the next action.
//!
//! Back-pressure works in both directions. While the worker has no room for a frame, nothing is read from the client.
//! While the client does not accept a text, nothing is read from the worker.

use super::wire_protocol::{ClientAction, ClientMessage, OutboundQueue, SessionFault, WireProtocol};
use crate::{frames::ProtocolViolation, messages::SocketMessage, outbox::OutboundFrame};
use actix_http::ws::CloseCode;
use dalston_service::{CloseReason, ServiceError, ServiceResult};
use dalston_stream::{ClientFrame, StreamConfig, WorkerEvent, WorkerEventKind};
use dalston_work::SessionId;
use std::{borrow::Cow, mem, time::Duration};

/// Maximum time from asking the worker to end until it has sent its last event.
pub(super) const DRAIN: Duration = Duration::from_secs(10);

/// An event: the result of the last action, or what the session waited for.
#[derive(Debug)]
pub(super) enum SessionEvent {
    /// The frame of the last action was written or passed on.
    Done,
    /// The service ends the session.
    StopSignal(CloseReason),
    /// The client sent a message.
    Client(SocketMessage),
    /// The client violated the WebSocket protocol.
    ClientBroken(ProtocolViolation),
    /// The client sent no message within the idle time.
    ClientIdle,
    /// A keepalive ping is due.
    KeepaliveDue,
    /// The client has disconnected or does not read, or the service no longer knows the session.
    Gone,
    /// The worker has room for a frame.
    WorkerReady,
    /// The worker accepts no more frames. Events that it sent before can still be read.
    WorkerClosed,
    /// The worker sent an event.
    Worker(WorkerEvent),
    /// The worker has disconnected.
    WorkerGone,
    /// The result of reserving the audio of the last action in the quota.
    AudioReserved(ServiceResult<()>),
    /// The result of replacing the worker. `Ok(false)`: no worker has capacity.
    WorkerReplaced(ServiceResult<bool>),
    /// The limit of the last [`Interest`] has passed.
    DeadlineReached,
}

/// The next action. Its result is the next event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SessionAction {
    /// Wait for the next event.
    Wait(Interest),
    /// Write a frame to the client.
    Send(OutboundFrame),
    /// Pass a frame to the worker, which has room for it.
    Pass(ClientFrame),
    /// Reserve this many bytes of audio in the daily quota.
    ReserveAudio(usize),
    /// Replace the worker by one with this configuration.
    ReplaceWorker(StreamConfig),
    /// End the session as described by [`SessionState::into_closing`].
    Close,
}

/// Events to wait for, besides those always waited for: a stop signal, worker events, and the keepalive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interest {
    /// Whether to read from the client. If not, the client has to wait, so its silence does not count as idle time.
    pub(super) client: bool,
    /// Whether to wait for room at the worker.
    pub(super) worker_room: bool,
    /// Maximum time to wait.
    pub(super) limit: Option<Duration>,
}

/// The end of a session.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SessionEnd {
    /// With a close code and a reason.
    Closed(CloseCode, Cow<'static, str>),
    /// Without a close code: the client has disconnected, or has sent a close frame.
    Gone,
}

impl SessionEnd {
    const fn closed(code: CloseCode, reason: &'static str) -> Self {
        Self::Closed(code, Cow::Borrowed(reason))
    }
}

/// What remains to be done when a session closes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ClosingSession {
    pub(super) end: SessionEnd,
    /// Texts to write before the close frame.
    pub(super) outbound: OutboundQueue,
    /// Whether the worker is still to be asked to end, and its last events awaited.
    pub(super) worker: WorkerInput,
    /// A frame to pass to the worker before that request.
    pub(super) pending: Option<ClientFrame>,
}

/// Whether the worker accepts frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WorkerInput {
    Open,
    /// The worker accepts no more frames, has disconnected, or has sent its last event.
    Closed,
}

#[derive(Debug)]
enum SessionPhase {
    /// Frames pass both ways.
    Open,
    /// Nothing more is read from the client; the worker sends its last events, until `until` at the latest.
    Draining {
        end: SessionEnd,
        until: Duration,
        /// Whether the request to end was passed to the worker.
        is_asked: bool,
    },
    /// Only the close frame remains.
    Closing(SessionEnd),
}

/// State of a session between one client and one worker.
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
    /// Returns an open session. Its first event must be [`SessionEvent::Done`].
    pub(super) fn new(mut protocol: P, session: SessionId, config: &StreamConfig) -> Self {
        let mut outbound = OutboundQueue::new();
        protocol.begin(session, config, &mut outbound);
        let (phase, worker) = (SessionPhase::Open, WorkerInput::Open);
        Self { protocol, phase, worker, outbound, pending: None, has_audio: false }
    }

    /// Handles an event at a time of the monotonic clock, and returns the next action.
    ///
    /// Messages of the client are ignored unless the last [`Interest`] asked for them. Once the action is
    /// [`SessionAction::Close`], every event is ignored.
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
            // The last interest did not ask for a client message.
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

    /// Returns what remains to be done once the action is [`SessionAction::Close`].
    pub(super) fn into_closing(self) -> ClosingSession {
        let Self { phase, worker, outbound, pending, .. } = self;
        let end = match phase {
            SessionPhase::Closing(end) | SessionPhase::Draining { end, .. } => end,
            SessionPhase::Open => SessionEnd::Gone,
        };
        ClosingSession { end, outbound, worker, pending }
    }

    /// Returns the next action if the event itself requires none.
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
        // Checked here, because a worker that keeps sending would end every wait before its limit.
        if limit == Some(Duration::ZERO) {
            self.ended();
            return SessionAction::Close;
        }
        let worker_room = self.worker == WorkerInput::Open && self.has_frame();
        SessionAction::Wait(Interest { client: self.reads_client(), worker_room, limit })
    }

    /// Back-pressure: nothing is read from the client while a frame waits for the worker.
    fn reads_client(&self) -> bool {
        matches!(self.phase, SessionPhase::Open) && self.worker == WorkerInput::Open && self.pending.is_none()
    }

    const fn has_frame(&self) -> bool {
        self.pending.is_some() || matches!(self.phase, SessionPhase::Draining { is_asked: false, .. })
    }

    /// Takes the next frame for the worker: first the client's frame, then the request to end.
    fn next_frame(&mut self) -> Option<ClientFrame> {
        if let Some(frame) = self.pending.take() {
            return Some(frame);
        }
        match &mut self.phase {
            SessionPhase::Draining { is_asked, .. } => (!mem::replace(is_asked, true)).then(ClientFrame::end),
            SessionPhase::Open | SessionPhase::Closing(_) => None,
        }
    }

    /// Handles a message of the client. A frame for the worker is kept until the worker has room.
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
        match self.protocol.on_client_message(message, self.has_audio, &mut self.outbound) {
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

    /// Keeps the audio for the worker if the quota allows it. Otherwise the session drains, so that earlier audio is
    /// still transcribed.
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
        // The previous worker was already released.
        self.worker = WorkerInput::Closed;
        self.close(end);
    }

    fn worker_event(&mut self, event: WorkerEvent) {
        let is_last = event.kind == WorkerEventKind::End;
        self.protocol.on_worker_event(event, &mut self.outbound);
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
            CloseReason::KeyInvalid => self.close(SessionEnd::closed(CloseCode::Other(4001), "Invalid API key")),
            CloseReason::ScopeLost => {
                self.close(SessionEnd::closed(CloseCode::Other(4003), "Missing 'realtime' scope"));
            }
            CloseReason::Stopping => self.close(SessionEnd::closed(CloseCode::Away, "The gateway stops")),
            CloseReason::SlotExpired => {
                self.fault(&SessionFault::new("session_lost", "The session's slot has expired", true));
                self.close(SessionEnd::closed(CloseCode::Again, "The session's slot has expired"));
            }
            CloseReason::SessionLimit => {
                self.drain(SessionEnd::closed(CloseCode::Normal, "The session's time is up"), now);
            }
        }
    }

    /// The worker has sent its last event, or its time for that is over.
    fn ended(&mut self) {
        self.finish(SessionEnd::closed(CloseCode::Normal, "Session ended"));
    }

    /// Starts to drain: the worker is asked to end. A session that is already draining keeps its end and its deadline.
    fn drain(&mut self, end: SessionEnd, now: Duration) {
        if matches!(self.phase, SessionPhase::Open) {
            self.phase = SessionPhase::Draining { end, until: now.saturating_add(DRAIN), is_asked: false };
        }
    }

    /// Closes the session with the end that it drains for, or else with this one.
    fn finish(&mut self, end: SessionEnd) {
        self.phase = match mem::replace(&mut self.phase, SessionPhase::Open) {
            SessionPhase::Open => SessionPhase::Closing(end),
            SessionPhase::Draining { end, .. } | SessionPhase::Closing(end) => SessionPhase::Closing(end),
        };
    }

    /// Closes the session with this end, without waiting for the worker.
    fn close(&mut self, end: SessionEnd) {
        self.phase = SessionPhase::Closing(end);
    }

    fn fault(&mut self, fault: &SessionFault) {
        self.protocol.fault(fault, &mut self.outbound);
    }
}

/// Returns the close code for a violation of the WebSocket protocol (RFC 6455 §7.4.1).
fn violated(broken: ProtocolViolation) -> SessionEnd {
    match broken {
        ProtocolViolation::Protocol => SessionEnd::closed(CloseCode::Protocol, "Protocol error"),
        ProtocolViolation::TooLarge(what) => SessionEnd::closed(CloseCode::Size, what),
        ProtocolViolation::NotUtf8 => SessionEnd::closed(CloseCode::Invalid, "Not UTF-8"),
    }
}

#[cfg(test)]
mod tests;
