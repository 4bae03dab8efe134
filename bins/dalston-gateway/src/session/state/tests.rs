//! Tests of the session's state machine, without a socket: every phase, and the events that matter in it.

use super::*;
use bytes::Bytes;
use bytestring::ByteString;
use dalston_model::{SeededEntropy, Timestamp};
use dalston_stream::Encoding;
use dalston_work::{QuotaExceeded, QuotaKind};
use serde_json::json;

/// A minimal wire protocol with plain text messages.
struct Plain;

impl WireProtocol for Plain {
    fn begin(&mut self, _: SessionId, config: &StreamConfig, outbound: &mut OutboundQueue) {
        outbound.push_back(format!("begin {}", config.model).into());
    }

    fn on_client_message(
        &mut self,
        message: ClientMessage,
        has_audio: bool,
        outbound: &mut OutboundQueue,
    ) -> ClientAction {
        match message {
            ClientMessage::Audio(audio) => ClientAction::Pass(ClientFrame::Audio(audio)),
            ClientMessage::Text(text) if text == "replace" => ClientAction::Replace(config()),
            ClientMessage::Text(text) if text == "ask" => {
                outbound.extend([format!("audio: {has_audio}").into(), "that is all".into()]);
                ClientAction::Nothing
            }
            ClientMessage::Text(text) => ClientAction::Pass(ClientFrame::Control(text)),
        }
    }

    fn on_worker_event(&mut self, event: WorkerEvent, outbound: &mut OutboundQueue) {
        outbound.push_back(event.kind.as_str().into());
    }

    fn fault(&mut self, fault: &SessionFault, outbound: &mut OutboundQueue) {
        outbound.push_back(format!("fault {}", fault.code).into());
    }
}

fn config() -> StreamConfig {
    StreamConfig {
        language: "auto".to_owned(),
        model: "fast".to_owned(),
        encoding: Encoding::MuLaw,
        sample_rate: 8_000,
    }
}

/// A session and the current time.
struct Scenario {
    state: SessionState<Plain>,
    now: Duration,
}

/// Phases of a session. All are reached by events alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Open,
    /// A frame of the client waits for room at the worker.
    Blocked,
    /// The worker accepts no more frames.
    HalfClosed,
    /// The worker has no room for the request to end yet.
    Draining,
    /// The worker was asked to end.
    Asked,
}

const PHASES: [At; 5] = [At::Open, At::Blocked, At::HalfClosed, At::Draining, At::Asked];
const TIME_UP: SessionEnd = SessionEnd::closed(CloseCode::Normal, "The session's time is up");
const LOST: SessionEnd = SessionEnd::closed(CloseCode::Error, "The worker is gone");
const ENDED: SessionEnd = SessionEnd::closed(CloseCode::Normal, "Session ended");

impl Scenario {
    /// An open session that has greeted its client.
    fn open() -> Self {
        let session = SessionId::new(Timestamp::from_secs(1), &SeededEntropy::new(1)).unwrap();
        let mut session = Self { state: SessionState::new(Plain, session, &config()), now: Duration::from_secs(100) };
        assert_eq!(session.on(SessionEvent::Done), text("begin fast"));
        assert_eq!(session.on(SessionEvent::Done), WAIT);
        session
    }

    fn at(phase: At) -> Self {
        let mut session = Self::open();
        match phase {
            At::Open => {}
            At::Blocked => drop(session.control("flush")),
            At::HalfClosed => drop(session.on(SessionEvent::WorkerClosed)),
            At::Draining | At::Asked => drop(session.on(SessionEvent::StopSignal(CloseReason::SessionLimit))),
        }
        if phase == At::Asked {
            assert_eq!(session.on(SessionEvent::WorkerReady), SessionAction::Pass(ClientFrame::end()));
            assert_eq!(session.on(SessionEvent::Done), wait(false, false, Some(DRAIN)));
        }
        session
    }

    fn on(&mut self, event: SessionEvent) -> SessionAction {
        self.state.on(event, self.now)
    }

    fn control(&mut self, text: &'static str) -> SessionAction {
        self.on(SessionEvent::Client(SocketMessage::Text(ByteString::from_static(text))))
    }

    fn audio(&mut self, audio: &'static [u8]) -> SessionAction {
        self.on(SessionEvent::Client(SocketMessage::Binary(Bytes::from_static(audio))))
    }

    /// Returns the end after this event, the texts before the close frame, and whether the worker is still to be asked
    /// to end.
    fn closed_by(mut self, event: SessionEvent) -> (SessionEnd, Vec<ByteString>, bool) {
        assert_eq!(self.on(event), SessionAction::Close);
        self.closing()
    }

    fn closing(self) -> (SessionEnd, Vec<ByteString>, bool) {
        let ClosingSession { end, outbound, worker, .. } = self.state.into_closing();
        (end, outbound.into(), worker == WorkerInput::Open)
    }
}

/// Waits for the client and the worker, without a limit.
const WAIT: SessionAction = wait(true, false, None);

const fn wait(client: bool, worker_room: bool, limit: Option<Duration>) -> SessionAction {
    SessionAction::Wait(Interest { client, worker_room, limit })
}

fn text(text: &str) -> SessionAction {
    SessionAction::Send(OutboundFrame::Text(text.into()))
}

fn audio(audio: &'static [u8]) -> ClientFrame {
    ClientFrame::Audio(Bytes::from_static(audio))
}

fn event(kind: WorkerEventKind) -> SessionEvent {
    SessionEvent::Worker(WorkerEvent::new(kind, json!({})))
}

fn excess() -> ServiceError {
    let limit = QuotaKind::ALL[0];
    ServiceError::Excess { excess: QuotaExceeded { limit, of_key: false, most: 1 }, retry_after: 60 }
}

/// The end of a session that has used up its quota.
fn exceeded() -> SessionEnd {
    let ServiceError::Excess { excess, .. } = excess() else { unreachable!() };
    SessionEnd::Closed(CloseCode::Other(4029), excess.to_string().into())
}

#[test]
fn nothing_is_read_from_the_client_while_a_frame_waits_for_the_worker() {
    let mut session = Scenario::open();
    assert_eq!(session.audio(b"abc"), SessionAction::ReserveAudio(3));
    assert_eq!(session.on(SessionEvent::AudioReserved(Ok(()))), wait(false, true, None));
    assert_eq!(session.audio(b"x"), wait(false, true, None), "nobody asked for it");
    // The directions are independent: events of the worker still reach the client.
    assert_eq!(session.on(event(WorkerEventKind::Partial)), text("transcript.partial"));
    assert_eq!(session.on(SessionEvent::Done), wait(false, true, None));
    assert_eq!(session.on(SessionEvent::WorkerReady), SessionAction::Pass(audio(b"abc")));
    assert_eq!(session.on(SessionEvent::Done), WAIT);
}

#[test]
fn nothing_is_read_at_all_while_a_text_waits_for_the_client() {
    let mut session = Scenario::open();
    assert_eq!(session.control("ask"), text("audio: false"));
    assert_eq!(session.on(SessionEvent::Done), text("that is all"), "one after the other, and no wait between");
    assert_eq!(session.on(SessionEvent::Done), WAIT);
}

#[test]
fn only_audio_takes_of_the_quota() {
    let mut session = Scenario::open();
    assert_eq!(session.control("flush"), wait(false, true, None));
    assert_eq!(session.on(SessionEvent::WorkerReady), SessionAction::Pass(ClientFrame::Control("flush".into())));
    assert_eq!(session.on(SessionEvent::Done), WAIT);
    assert_eq!(session.control("ask"), text("audio: false"));
}

#[test]
fn the_protocol_knows_whether_audio_was_accepted() {
    for (bytes, answer) in [(&b"abc"[..], "audio: true"), (b"", "audio: false")] {
        let mut session = Scenario::open();
        assert_eq!(session.audio(bytes), SessionAction::ReserveAudio(bytes.len()));
        session.on(SessionEvent::AudioReserved(Ok(())));
        session.on(SessionEvent::WorkerReady);
        session.on(SessionEvent::Done);
        assert_eq!(session.control("ask"), text(answer));
    }
}

#[test]
fn audio_over_the_quota_is_dropped_and_the_audio_before_it_drains() {
    let mut session = Scenario::open();
    session.audio(b"abc");
    assert_eq!(session.on(SessionEvent::AudioReserved(Err(excess()))), text("fault limit_exceeded"));
    assert_eq!(session.on(SessionEvent::Done), wait(false, true, Some(DRAIN)));
    assert_eq!(session.on(SessionEvent::WorkerReady), SessionAction::Pass(ClientFrame::end()), "not the audio");
    assert_eq!(session.on(SessionEvent::Done), wait(false, false, Some(DRAIN)));
    assert_eq!(session.on(event(WorkerEventKind::Final)), text("transcript.final"));
    assert_eq!(session.on(SessionEvent::Done), wait(false, false, Some(DRAIN)));
    let (end, texts, asks) = session.closed_by(event(WorkerEventKind::End));
    assert_eq!((end, texts, asks), (exceeded(), vec!["session.end".into()], false));
}

#[test]
fn audio_that_cannot_be_reserved_closes_the_session() {
    let mut session = Scenario::open();
    session.audio(b"abc");
    assert_eq!(session.on(SessionEvent::AudioReserved(Err(ServiceError::Internal))), SessionAction::Close);
    let ClosingSession { end, worker, pending, .. } = session.state.into_closing();
    assert_eq!(end, SessionEnd::closed(CloseCode::Error, "Internal error"));
    assert_eq!((worker, pending), (WorkerInput::Open, None), "the worker ends, without that audio");
}

#[test]
fn a_draining_session_passes_what_waits_then_asks_the_worker_to_end_once() {
    let mut session = Scenario::at(At::Blocked);
    assert_eq!(session.on(SessionEvent::StopSignal(CloseReason::SessionLimit)), wait(false, true, Some(DRAIN)));
    assert_eq!(session.on(SessionEvent::WorkerReady), SessionAction::Pass(ClientFrame::Control("flush".into())));
    assert_eq!(session.on(SessionEvent::Done), wait(false, true, Some(DRAIN)));
    assert_eq!(session.on(SessionEvent::WorkerReady), SessionAction::Pass(ClientFrame::end()));
    assert_eq!(session.on(SessionEvent::Done), wait(false, false, Some(DRAIN)));
    assert_eq!(session.on(SessionEvent::WorkerReady), wait(false, false, Some(DRAIN)), "nothing is left to pass");
}

#[test]
fn nothing_moves_the_deadline_of_a_draining_session() {
    let mut session = Scenario::at(At::Asked);
    for seconds in (1..10).rev() {
        session.now += Duration::from_secs(1);
        assert_eq!(session.on(event(WorkerEventKind::Partial)), text("transcript.partial"));
        let limit = Some(Duration::from_secs(seconds));
        assert_eq!(session.on(SessionEvent::Done), wait(false, false, limit));
        assert_eq!(
            session.on(SessionEvent::StopSignal(CloseReason::SessionLimit)),
            wait(false, false, limit),
            "nor a second end"
        );
        assert_eq!(session.on(SessionEvent::ClientIdle), wait(false, false, limit));
    }
    session.now += Duration::from_secs(1);
    assert_eq!(session.on(event(WorkerEventKind::Partial)), text("transcript.partial"));
    assert_eq!(session.on(SessionEvent::Done), SessionAction::Close, "although the worker keeps sending");
    assert_eq!(session.closing(), (TIME_UP, vec![], true));
}

#[test]
fn the_deadline_closes_a_draining_session() {
    for phase in [At::Draining, At::Asked] {
        let end = Scenario::at(phase).closed_by(SessionEvent::DeadlineReached);
        assert_eq!(end, (TIME_UP, vec![], true), "{phase:?}");
    }
}

#[test]
fn a_worker_may_end_first() {
    for phase in PHASES {
        let end = if matches!(phase, At::Draining | At::Asked) { TIME_UP } else { ENDED };
        let closed = Scenario::at(phase).closed_by(event(WorkerEventKind::End));
        assert_eq!(closed, (end, vec!["session.end".into()], false), "{phase:?}: it is asked nothing any more");
    }
}

#[test]
fn a_worker_that_is_gone_is_an_error_unless_the_session_drains() {
    for phase in PHASES {
        let (end, texts) = match phase {
            At::Draining | At::Asked => (TIME_UP, vec![]),
            At::Open | At::Blocked | At::HalfClosed => (LOST, vec!["fault worker_lost".into()]),
        };
        assert_eq!(Scenario::at(phase).closed_by(SessionEvent::WorkerGone), (end, texts, false), "{phase:?}");
    }
}

#[test]
fn what_a_worker_sent_before_it_closed_is_still_read() {
    for phase in PHASES {
        let mut session = Scenario::at(phase);
        let limit = matches!(phase, At::Draining | At::Asked).then_some(DRAIN);
        let waits = wait(false, false, limit);
        assert_eq!(session.on(SessionEvent::WorkerClosed), waits, "{phase:?}: nothing is passed, nothing read");
        assert_eq!(session.on(event(WorkerEventKind::Final)), text("transcript.final"));
        assert_eq!(session.on(SessionEvent::Done), waits);
    }
    let mut session = Scenario::at(At::HalfClosed);
    assert_eq!(
        session.on(SessionEvent::StopSignal(CloseReason::SessionLimit)),
        wait(false, false, Some(DRAIN)),
        "it drains, too"
    );
    assert_eq!(session.closed_by(SessionEvent::DeadlineReached), (TIME_UP, vec![], false));
}

#[test]
fn a_client_may_go_away_in_any_phase() {
    for phase in PHASES {
        let (end, texts, asks) = Scenario::at(phase).closed_by(SessionEvent::Gone);
        assert_eq!((end, texts), (SessionEnd::Gone, vec![]), "{phase:?}");
        assert_eq!(asks, phase != At::HalfClosed, "{phase:?}: the worker ends in good order");
    }
    let close = SessionEvent::Client(SocketMessage::Close);
    assert_eq!(Scenario::open().closed_by(close), (SessionEnd::Gone, vec![], true));
    let mut session = Scenario::at(At::Blocked);
    session.on(SessionEvent::Gone);
    assert_eq!(session.state.into_closing().pending, Some(ClientFrame::Control("flush".into())), "nothing is lost");
}

#[test]
fn a_client_that_breaks_the_protocol_reads_how() {
    for (broken, end) in [
        (ProtocolViolation::Protocol, SessionEnd::closed(CloseCode::Protocol, "Protocol error")),
        (ProtocolViolation::TooLarge("Frame too large"), SessionEnd::closed(CloseCode::Size, "Frame too large")),
        (ProtocolViolation::NotUtf8, SessionEnd::closed(CloseCode::Invalid, "Not UTF-8")),
    ] {
        assert_eq!(Scenario::open().closed_by(SessionEvent::ClientBroken(broken)), (end, vec![], true));
    }
}

#[test]
fn a_stop_signal_closes_any_phase_at_once() {
    let closed = |code, reason, texts| (SessionEnd::closed(code, reason), texts);
    for phase in PHASES {
        for (ending, (end, texts)) in [
            (CloseReason::KeyInvalid, closed(CloseCode::Other(4001), "Invalid API key", vec![])),
            (CloseReason::ScopeLost, closed(CloseCode::Other(4003), "Missing 'realtime' scope", vec![])),
            (CloseReason::Stopping, closed(CloseCode::Away, "The gateway stops", vec![])),
            (
                CloseReason::SlotExpired,
                closed(CloseCode::Again, "The session's slot has expired", vec!["fault session_lost".into()]),
            ),
        ] {
            let asks = phase != At::HalfClosed;
            let by = Scenario::at(phase).closed_by(SessionEvent::StopSignal(ending));
            assert_eq!(by, (end, texts, asks), "{phase:?} {ending:?}");
        }
    }
}

#[test]
fn a_key_that_ends_during_a_write_stops_it_and_the_texts_behind_it_precede_the_close() {
    let mut session = Scenario::open();
    assert_eq!(session.control("ask"), text("audio: false"));
    let (end, texts, _) = session.closed_by(SessionEvent::StopSignal(CloseReason::KeyInvalid));
    assert_eq!(end, SessionEnd::closed(CloseCode::Other(4001), "Invalid API key"));
    assert_eq!(texts, ["that is all"]);
}

#[test]
fn a_session_whose_time_is_up_during_a_write_goes_on_writing() {
    let mut session = Scenario::open();
    assert_eq!(session.control("ask"), text("audio: false"));
    assert_eq!(session.on(SessionEvent::StopSignal(CloseReason::SessionLimit)), text("that is all"));
    session.now += DRAIN;
    assert_eq!(session.on(SessionEvent::Done), SessionAction::Close, "the deadline counts from the signal");
    assert_eq!(session.closing(), (TIME_UP, vec![], true));
}

#[test]
fn an_idle_client_drains_the_session() {
    let mut session = Scenario::open();
    assert_eq!(session.on(SessionEvent::ClientIdle), wait(false, true, Some(DRAIN)));
    assert_eq!(session.on(SessionEvent::WorkerReady), SessionAction::Pass(ClientFrame::end()));
    let idle = SessionEnd::closed(CloseCode::Normal, "The client said nothing for too long");
    assert_eq!(session.closed_by(event(WorkerEventKind::End)), (idle, vec!["session.end".into()], false));
}

#[test]
fn a_replaced_worker_changes_nothing_else() {
    let mut session = Scenario::open();
    assert_eq!(session.control("replace"), SessionAction::ReplaceWorker(config()));
    assert_eq!(session.on(SessionEvent::WorkerReplaced(Ok(true))), WAIT);
    assert_eq!(session.audio(b"abc"), SessionAction::ReserveAudio(3));
}

#[test]
fn a_worker_that_is_not_replaced_closes_the_session() {
    let no_room = SessionEnd::closed(CloseCode::Again, "No workers available");
    let internal = SessionEnd::closed(CloseCode::Error, "Internal error");
    for (replaced, end, texts) in [
        (Ok(false), no_room, vec!["fault no_capacity".into()]),
        (Err(excess()), exceeded(), vec![]),
        (Err(ServiceError::Unavailable), internal, vec![]),
    ] {
        let mut session = Scenario::open();
        session.control("replace");
        let closed = session.closed_by(SessionEvent::WorkerReplaced(replaced));
        assert_eq!(closed, (end, texts, false), "there is no worker to ask");
    }
}

#[test]
fn pings_pass_both_ways_and_change_no_phase() {
    for phase in PHASES {
        let mut session = Scenario::at(phase);
        let limit = matches!(phase, At::Draining | At::Asked).then_some(DRAIN);
        let waits = wait(phase == At::Open, matches!(phase, At::Blocked | At::Draining), limit);
        assert_eq!(session.on(SessionEvent::KeepaliveDue), SessionAction::Send(OutboundFrame::Ping), "{phase:?}");
        assert_eq!(session.on(SessionEvent::Done), waits, "{phase:?}");
    }
    let mut session = Scenario::open();
    let payload = Bytes::from_static(b"p");
    let pong = SessionAction::Send(OutboundFrame::Pong(payload.clone()));
    assert_eq!(session.on(SessionEvent::Client(SocketMessage::Ping(payload))), pong);
    assert_eq!(session.on(SessionEvent::Done), WAIT);
    assert_eq!(session.on(SessionEvent::Client(SocketMessage::Pong)), WAIT);
}

#[test]
fn a_closing_session_keeps_its_end() {
    let mut session = Scenario::open();
    assert_eq!(session.on(SessionEvent::StopSignal(CloseReason::KeyInvalid)), SessionAction::Close);
    for late in [
        SessionEvent::Done,
        SessionEvent::StopSignal(CloseReason::SessionLimit),
        SessionEvent::Client(SocketMessage::Close),
        SessionEvent::ClientIdle,
        SessionEvent::KeepaliveDue,
        SessionEvent::Gone,
        SessionEvent::WorkerReady,
        event(WorkerEventKind::End),
        SessionEvent::WorkerGone,
        SessionEvent::DeadlineReached,
    ] {
        assert_eq!(session.on(late), SessionAction::Close);
    }
    assert_eq!(session.closing(), (SessionEnd::closed(CloseCode::Other(4001), "Invalid API key"), vec![], true));
}
