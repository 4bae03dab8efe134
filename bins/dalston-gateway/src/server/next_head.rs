//! How long a client may take for the head of a further request.

use super::Turn;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Sleep, sleep};

/// Measures how long the head of a further request takes. actix-http measures the first one, and the time between two
/// requests until the first byte of the second one.
pub(super) struct NextHead {
    time: Duration,
    /// When it is over; `None` while no head has begun.
    end: Option<Pin<Box<Sleep>>>,
    /// Requests that had begun before this head.
    requests: u64,
}

impl NextHead {
    pub(super) const fn new(time: Duration) -> Self {
        Self { time, end: None, requests: 0 }
    }

    /// Bytes have passed to the dispatcher: a head begins, unless a request is served or none was.
    pub(super) fn passed(&mut self, turn: &Turn) {
        let requests = turn.requests();
        let is_known = self.end.is_some() && requests == self.requests;
        if !is_known && !turn.is_serving() && requests > 0 {
            self.requests = requests;
            self.end = Some(Box::pin(sleep(self.time)));
        }
    }

    /// Ready once a head has begun and has not ended in time.
    pub(super) fn poll(&mut self, turn: &Turn, context: &mut Context<'_>) -> Poll<()> {
        if turn.requests() != self.requests {
            self.end = None;
        }
        self.end.as_mut().map_or(Poll::Pending, |end| end.as_mut().poll(context))
    }
}
