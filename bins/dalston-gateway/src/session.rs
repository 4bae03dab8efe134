//! A session: frames both ways, until either side, the key, or the gateway ends it.

use crate::{
    alive::{Alive, Due},
    frames::Broken,
    messages::{Message, Messages},
    outbox::{Gone, Outbox},
};
use actix_http::ws::CloseCode;
use actix_web::web::Payload;
use bytes::Bytes;
use bytestring::ByteString;
use dalston_service::{Ending, ServiceError, Stream};
use dalston_stream::{ClientFrame, StreamConfig, WorkerEvent, WorkerEventKind};
use std::{borrow::Cow, collections::VecDeque, future::Future, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};

/// A client that takes nothing for so long is given up; and a worker that is to end has so long to say the rest.
const PATIENCE: Duration = Duration::from_secs(10);

/// OutboundQueue for the client, in order.
pub(crate) type OutboundQueue = VecDeque<ByteString>;

/// How clients speak: what they say becomes frames for the worker, what the worker says becomes texts for them.
pub(crate) trait WireProtocol {
    /// What the client reads first.
    fn begin(&mut self, stream: &Stream, say: &mut OutboundQueue);
    /// What a message of the client asks for. `has_heard`: audio was passed on already.
    fn hear(&mut self, message: ClientMessage, has_heard: bool, say: &mut OutboundQueue) -> ClientAction;
    /// What the worker says.
    fn tell(&mut self, said: WorkerEvent, say: &mut OutboundQueue);
    /// What went wrong.
    fn fault(&mut self, fault: &SessionFault, say: &mut OutboundQueue);
}

/// A message of the client.
pub(crate) enum ClientMessage {
    Audio(Bytes),
    Text(ByteString),
}

/// What the client asks for.
pub(crate) enum ClientAction {
    /// Nothing, or it was answered.
    Nothing,
    /// To pass this on to the worker.
    Pass(ClientFrame),
    /// A worker for audio of another kind.
    Replace(StreamConfig),
}

/// What went wrong, for the client.
pub(crate) struct SessionFault {
    pub(crate) code: &'static str,
    pub(crate) message: Cow<'static, str>,
    /// Whether another stream may fare better; `None` goes without saying.
    pub(crate) recoverable: Option<bool>,
}

impl SessionFault {
    pub(crate) fn new(code: &'static str, message: impl Into<Cow<'static, str>>, recoverable: bool) -> Self {
        Self { code, message: message.into(), recoverable: Some(recoverable) }
    }

    pub(crate) fn no_capacity() -> Self {
        Self { recoverable: None, ..Self::new("no_capacity", "No workers available", true) }
    }
}

/// How a session ended.
enum SessionEnd {
    /// With a close code of ours.
    Closed(CloseCode, Cow<'static, str>),
    /// The client is gone, or has closed, or takes nothing.
    Gone,
}

impl SessionEnd {
    const fn closed(code: CloseCode, reason: &'static str) -> Self {
        Self::Closed(code, Cow::Borrowed(reason))
    }
}

/// A session under way.
struct Carrier<D> {
    outbox: Outbox,
    stream: Stream,
    dialect: D,
    say: OutboundQueue,
    /// What the worker has no room for yet. A worker that is slow makes the client wait: no more is read meanwhile.
    held: VecDeque<ClientFrame>,
    /// How and when it ends at the latest, once it is to end and the worker says the rest.
    rest: Option<(SessionEnd, Instant)>,
    /// Whether the worker takes no more.
    is_deaf: bool,
    has_ended: bool,
}

/// What a session does next.
enum Turn {
    Told(StopSignal),
    /// The worker had room for what was held.
    Passed,
    Heard(Option<Result<Message, Broken>>),
    WorkerEvent(Option<WorkerEvent>),
    /// The worker has not said the rest in time.
    Late,
    Due(Due),
}

/// Carries frames both ways until either side, the key, or the gateway ends the session.
pub(crate) async fn carry(
    outbox: Outbox,
    mut messages: Messages<Payload>,
    stream: Stream,
    mut dialect: impl WireProtocol,
    idle: Duration,
) {
    let mut say = OutboundQueue::new();
    dialect.begin(&stream, &mut say);
    let (held, rest, is_deaf, has_ended) = (VecDeque::new(), None, false, false);
    let mut carrier = Carrier { outbox, stream, dialect, say, held, rest, is_deaf, has_ended };
    let mut alive = Alive::new(idle);
    let end = loop {
        if let Some(end) = carrier.step(&mut messages, &mut alive).await {
            break end;
        }
    };
    carrier.close(end).await;
}

impl<D: WireProtocol> Carrier<D> {
    async fn step(&mut self, messages: &mut Messages<Payload>, alive: &mut Alive) -> Option<SessionEnd> {
        while let Some(text) = self.say.pop_front() {
            if let Some(end) = write(self.outbox.text(text), &mut self.stream.ending).await {
                return self.ends(end);
            }
        }
        let listens = self.held.is_empty() && !self.is_deaf && self.rest.is_none();
        let late = self.rest.as_ref().map_or_else(Instant::now, |(_, until)| *until);
        let turn = tokio::select! {
            biased;
            told = told(&mut self.stream.ending) => Turn::Told(told),
            room = self.stream.worker.to.reserve(), if !self.held.is_empty() => {
                match (room, self.held.pop_front()) {
                    (Ok(room), Some(frame)) => room.send(frame),
                    // What it said before is still to be read.
                    _ => self.is_deaf = true,
                }
                Turn::Passed
            }
            // Before more is heard: what is said makes room for it, and a client that takes nothing is given up.
            said = self.stream.worker.from.recv() => Turn::WorkerEvent(said),
            message = messages.next(), if listens => Turn::Heard(message),
            () = sleep_until(late), if self.rest.is_some() => Turn::Late,
            due = alive.due(listens) => Turn::Due(due),
        };
        match turn {
            Turn::Passed => None,
            Turn::Told(told) => self.ends(told),
            Turn::Heard(Some(Ok(message))) => {
                alive.heard(matches!(message, Message::Text(_) | Message::Binary(_)));
                self.hear(message).await
            }
            Turn::Heard(Some(Err(error))) => Some(broken(error)),
            Turn::WorkerEvent(Some(said)) => {
                self.has_ended = said.kind == WorkerEventKind::End;
                self.dialect.tell(said, &mut self.say);
                if self.has_ended { Some(self.ended()) } else { None }
            }
            Turn::WorkerEvent(None) => Some(self.lost()),
            Turn::Late => Some(self.ended()),
            Turn::Due(Due::Idle) => {
                self.wind_up(SessionEnd::closed(CloseCode::Normal, "The client said nothing for too long"));
                None
            }
            Turn::Due(Due::Ping) if alive.asks(listens) => {
                let told = write(self.outbox.ping(), &mut self.stream.ending).await;
                told.and_then(|told| self.ends(told))
            }
            Turn::Heard(None) | Turn::Due(Due::Ping) => Some(SessionEnd::Gone),
        }
    }

    /// Takes a message of the client: what is for the worker is held.
    async fn hear(&mut self, message: Message) -> Option<SessionEnd> {
        let heard = match message {
            Message::Binary(audio) => ClientMessage::Audio(audio),
            Message::Text(text) => ClientMessage::Text(text),
            Message::Ping(payload) => {
                let end = write(self.outbox.pong(payload), &mut self.stream.ending).await;
                return end.and_then(|end| self.ends(end));
            }
            Message::Pong => return None,
            Message::Close => return Some(SessionEnd::Gone),
        };
        match self.dialect.hear(heard, self.stream.has_heard(), &mut self.say) {
            ClientAction::Nothing => None,
            ClientAction::Pass(frame) => {
                if let ClientFrame::Audio(audio) = &frame
                    && let Err(error) = self.stream.afford(audio.len()).await
                {
                    return self.refused(&error);
                }
                self.held.push_back(frame);
                None
            }
            ClientAction::Replace(config) => match self.stream.replace(&config).await {
                Ok(true) => None,
                Ok(false) => {
                    self.dialect.fault(&SessionFault::no_capacity(), &mut self.say);
                    Some(SessionEnd::closed(CloseCode::Again, "No workers available"))
                }
                Err(ServiceError::Excess { excess, .. }) => {
                    self.is_deaf = true;
                    Some(SessionEnd::Closed(CloseCode::Other(4029), excess.to_string().into()))
                }
                Err(_) => Some(SessionEnd::closed(CloseCode::Error, "Internal error")),
            },
        }
    }

    /// The audio cannot be afforded: what was passed on already comes to its end.
    fn refused(&mut self, error: &ServiceError) -> Option<SessionEnd> {
        let ServiceError::Excess { excess, .. } = error else {
            return Some(SessionEnd::closed(CloseCode::Error, "Internal error"));
        };
        let message = excess.to_string();
        self.dialect.fault(&SessionFault::new("limit_exceeded", message.clone(), false), &mut self.say);
        self.wind_up(SessionEnd::Closed(CloseCode::Other(4029), message.into()));
        None
    }

    /// What is to be done when the stream was told to end.
    fn ends(&mut self, ending: StopSignal) -> Option<SessionEnd> {
        match ending {
            StopSignal::Gone => Some(SessionEnd::Gone),
            StopSignal::Ending(Ending::KeyEnded) => Some(SessionEnd::closed(CloseCode::Other(4001), "Invalid API key")),
            StopSignal::Ending(Ending::ScopeLost) => {
                Some(SessionEnd::closed(CloseCode::Other(4003), "Missing 'realtime' scope"))
            }
            StopSignal::Ending(Ending::Stopping) => Some(SessionEnd::closed(CloseCode::Away, "The gateway stops")),
            StopSignal::Ending(Ending::SlotLost) => {
                let fault = SessionFault::new("session_lost", "The session's slot has lapsed", true);
                self.dialect.fault(&fault, &mut self.say);
                Some(SessionEnd::closed(CloseCode::Again, "The session's slot has lapsed"))
            }
            StopSignal::Ending(Ending::TimeUp) => {
                self.wind_up(SessionEnd::closed(CloseCode::Normal, "The session's time is up"));
                None
            }
        }
    }

    /// Has the worker say the rest; then it ends like that.
    fn wind_up(&mut self, end: SessionEnd) {
        if self.rest.is_none() {
            self.held.push_back(ClientFrame::end());
            self.rest = Some((end, Instant::now() + PATIENCE));
        }
    }

    /// All was said, or nobody waits for it any more.
    fn ended(&mut self) -> SessionEnd {
        self.rest.take().map_or(SessionEnd::closed(CloseCode::Normal, "Session ended"), |(end, _)| end)
    }

    /// The worker is gone, with or without having said all.
    fn lost(&mut self) -> SessionEnd {
        self.is_deaf = true;
        if let Some((end, _)) = self.rest.take() {
            return end;
        }
        self.dialect.fault(&SessionFault::new("worker_lost", "The worker is gone", true), &mut self.say);
        SessionEnd::closed(CloseCode::Error, "The worker is gone")
    }

    /// It is over, whether the client takes the close or not; the worker is heard out meanwhile, then its slot is freed.
    async fn close(self, end: SessionEnd) {
        let Self { mut outbox, stream, mut say, held, is_deaf, has_ended, .. } = self;
        stream.leave();
        let closing = async move {
            match end {
                SessionEnd::Closed(code, reason) => {
                    let rest = async {
                        while let Some(text) = say.pop_front() {
                            outbox.text(text).await?;
                        }
                        Ok::<_, Gone>(())
                    };
                    // A client that does not take it may still take the close.
                    let _ = timeout(PATIENCE, rest).await;
                    close(outbox, code, &reason).await;
                }
                SessionEnd::Gone => {
                    let _ = timeout(PATIENCE, outbox.close(None)).await;
                }
            }
        };
        let finishing = async move {
            let mut stream = stream;
            if !is_deaf && !has_ended {
                let _ = timeout(PATIENCE, hear_out(&mut stream, held)).await;
            }
            stream.finish().await;
        };
        tokio::join!(closing, finishing);
    }
}

/// Tells the worker that nothing comes any more, and waits until it has said the rest, to nobody.
async fn hear_out(stream: &mut Stream, held: VecDeque<ClientFrame>) {
    let worker = &mut stream.worker;
    let ending = async {
        // One that was told to end already hears it twice, which changes nothing.
        for frame in held.into_iter().chain([ClientFrame::end()]) {
            if worker.to.send(frame).await.is_err() {
                return;
            }
        }
    };
    let listening = async { while worker.from.recv().await.is_some_and(|said| said.kind != WorkerEventKind::End) {} };
    tokio::join!(ending, listening);
}

/// What a stream was told.
#[derive(Clone, Copy)]
enum StopSignal {
    Ending(Ending),
    /// Nobody is there to tell it anything, or the client takes nothing.
    Gone,
}

/// Waits until the stream is told to end.
async fn told(ending: &mut watch::Receiver<Option<Ending>>) -> StopSignal {
    let changed = ending.changed().await;
    ending.borrow_and_update().filter(|_| changed.is_ok()).map_or(StopSignal::Gone, StopSignal::Ending)
}

/// Writes to the client, which may not read: neither the end of its key nor the session waits for it.
async fn write(
    writing: impl Future<Output = Result<(), Gone>>,
    ending: &mut watch::Receiver<Option<Ending>>,
) -> Option<StopSignal> {
    tokio::select! {
        biased;
        told = told(ending) => Some(told),
        written = timeout(PATIENCE, writing) => (!matches!(written, Ok(Ok(())))).then_some(StopSignal::Gone),
    }
}

/// What is wrong with what a client sends (RFC 6455 §7.4.1).
fn broken(broken: Broken) -> SessionEnd {
    match broken {
        Broken::Protocol => SessionEnd::closed(CloseCode::Protocol, "Protocol error"),
        Broken::TooLarge(what) => SessionEnd::closed(CloseCode::Size, what),
        Broken::NotUtf8 => SessionEnd::closed(CloseCode::Invalid, "Not UTF-8"),
    }
}

/// Closes a session with a code.
pub(crate) async fn close(outbox: Outbox, code: CloseCode, reason: &str) {
    let _ = timeout(PATIENCE, outbox.close(Some((code, reason)))).await;
}
