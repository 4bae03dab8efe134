//! Timeout for the head of each further request on a connection.

use super::ConnectionTurn;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Sleep, sleep};

/// Timeout for the head of a further request. actix-http itself limits the time of the first head, and the idle time
/// between two requests up to the first byte of the second.
pub(super) struct NextHead {
    time: Duration,
    /// The number of requests that had begun before this head.
    behind: u64,
    /// When the time is over; `None` while no incomplete head waits. Most heads arrive whole and need no timer.
    end: Option<Pin<Box<Sleep>>>,
}

impl NextHead {
    pub(super) const fn new(time: Duration) -> Self {
        Self { time, behind: 0, end: None }
    }

    /// Records that bytes passed to the dispatcher: a head begins, unless a request is being served.
    pub(super) fn passed(&mut self, turn: &ConnectionTurn) {
        if !turn.is_serving() && self.behind != turn.requests() {
            self.behind = turn.requests();
            self.end = None;
        }
    }

    /// Called while the client sends nothing more. Ready once a head has begun and was not completed in time.
    pub(super) fn poll(&mut self, turn: &ConnectionTurn, context: &mut Context<'_>) -> Poll<()> {
        if self.behind == 0 || self.behind != turn.requests() {
            self.end = None;
            return Poll::Pending;
        }
        self.end.get_or_insert_with(|| Box::pin(sleep(self.time))).as_mut().poll(context)
    }
}
