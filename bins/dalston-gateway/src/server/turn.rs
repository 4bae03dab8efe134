//! The state that a connection shares with the service that answers its requests.

use actix_http::Payload;
use actix_web::{error::PayloadError, web::Bytes};
use futures_util::Stream;
use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

/// Whether the client or the server acts on a connection: the server does while it serves a request. Shared by the
/// connection and by the service that answers its requests, which run on one thread.
#[derive(Clone, Default)]
pub(crate) struct ConnectionTurn(Rc<TurnState>);

#[derive(Default)]
struct TurnState {
    is_serving: Cell<bool>,
    waits_for_body: Cell<bool>,
    /// Whether the dispatcher has just written `100 Continue`.
    has_continued: Cell<bool>,
    /// The number of requests begun, including the current one.
    requests: Cell<u64>,
    /// The reader to wake when more may be read.
    reader: RefCell<Option<Waker>>,
    /// The local address that the client connected to.
    local: Option<SocketAddr>,
}

/// A guard: its request is being served until this is dropped.
pub(super) struct Serving(ConnectionTurn);

impl ConnectionTurn {
    pub(super) fn new(local: Option<SocketAddr>) -> Self {
        Self(Rc::new(TurnState { local, ..TurnState::default() }))
    }

    /// Marks the start of a request. The server serves it until the guard is dropped.
    pub(super) fn begin(&self) -> Serving {
        self.0.is_serving.set(true);
        self.0.requests.set(self.0.requests.get() + 1);
        Serving(self.clone())
    }

    /// Whether a request is being served.
    pub(super) fn is_serving(&self) -> bool {
        self.0.is_serving.get()
    }

    /// Returns the number of requests begun, including the current one.
    pub(super) fn requests(&self) -> u64 {
        self.0.requests.get()
    }

    /// Whether more may be read: no request is being served, or the current one waits for its body.
    pub(super) fn may_read(&self) -> bool {
        !self.is_serving() || self.waits_for_body()
    }

    /// Whether the current request waits for more of its body.
    pub(super) fn waits_for_body(&self) -> bool {
        self.0.waits_for_body.get()
    }

    /// Whether the next bytes that the dispatcher writes begin with `100 Continue`. Returns `true` once per request.
    pub(super) fn takes_continue(&self) -> bool {
        self.0.has_continued.get() && self.0.has_continued.replace(false)
    }

    /// Stores the waker of the reader until more may be read.
    pub(super) fn park(&self, context: &Context<'_>) {
        let mut reader = self.0.reader.borrow_mut();
        match &mut *reader {
            Some(waker) => waker.clone_from(context.waker()),
            None => *reader = Some(context.waker().clone()),
        }
    }

    /// Wakes the reader, if it waits.
    pub(super) fn wake(&self) {
        if let Some(waker) = self.0.reader.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Returns the local address that the client connected to.
    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        self.0.local
    }
}

impl Serving {
    /// Wraps the body of the request. `expects`: the client waits for `100 Continue`, which the dispatcher has written.
    pub(super) fn body(&self, payload: Payload, expects: bool) -> RequestBody {
        self.0.0.has_continued.set(expects);
        RequestBody { payload, request: self.0.0.requests.get(), turn: self.0.clone() }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.0.is_serving.set(false);
        self.0.0.waits_for_body.set(false);
        self.0.wake();
    }
}

/// The body of a request. While a handler waits for it, the connection reads more.
pub(super) struct RequestBody {
    payload: Payload,
    /// The number of the request. The body may outlive the response, and must not affect a later request then.
    request: u64,
    turn: ConnectionTurn,
}

impl RequestBody {
    fn wait(&self, waits: bool) {
        let TurnState { is_serving, requests, waits_for_body, .. } = &*self.turn.0;
        if is_serving.get() && requests.get() == self.request {
            waits_for_body.set(waits);
            if waits {
                self.turn.wake();
            }
        }
    }
}

impl Stream for RequestBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = Pin::new(&mut self.payload).poll_next(context);
        self.wait(polled.is_pending());
        polled
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.wait(false);
    }
}
