//! How long a client may take for the head of a further request.

use super::ConnectionTurn;
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
    /// How many requests had begun before this head.
    behind: u64,
    /// When it is over; `None` while nothing waits for the rest of a head: most come whole.
    end: Option<Pin<Box<Sleep>>>,
}

impl NextHead {
    pub(super) const fn new(time: Duration) -> Self {
        Self { time, behind: 0, end: None }
    }

    /// Bytes have passed to the dispatcher: a head begins, unless a request is served.
    pub(super) fn passed(&mut self, turn: &ConnectionTurn) {
        if !turn.is_serving() && self.behind != turn.requests() {
            self.behind = turn.requests();
            self.end = None;
        }
    }

    /// The rest of what has passed does not come: ready once a head has begun and has not ended in time.
    pub(super) fn poll(&mut self, turn: &ConnectionTurn, context: &mut Context<'_>) -> Poll<()> {
        if self.behind == 0 || self.behind != turn.requests() {
            self.end = None;
            return Poll::Pending;
        }
        self.end.get_or_insert_with(|| Box::pin(sleep(self.time))).as_mut().poll(context)
    }
}
