//! Timeout for clients that do not read their response.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Sleep, sleep};

/// A client that has taken this many bytes gets the full time again. Taking single bytes now and then does not extend
/// it.
const PROGRESS: usize = 64 * 1024;

/// Write timeout: measures how long a client leaves a response unread.
pub(super) struct Patience {
    time: Duration,
    /// When the time is over; `None` while no write is pending.
    end: Option<Pin<Box<Sleep>>>,
    taken: usize,
}

impl Patience {
    pub(super) const fn new(time: Duration) -> Self {
        Self { time, end: None, taken: 0 }
    }

    /// Whether a write is pending.
    pub(super) const fn is_tried(&self) -> bool {
        self.end.is_some()
    }

    /// Called while a write is pending. Ready once the client has been too slow.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.end.get_or_insert_with(|| Box::pin(sleep(self.time))).as_mut().poll(context)
    }

    /// Records that the client has taken this many bytes. A pending write must be polled again, since the timer may
    /// have been reset.
    pub(super) fn took(&mut self, bytes: usize) {
        let Some(end) = &mut self.end else { return };
        self.taken += bytes;
        if self.taken >= PROGRESS {
            self.taken = 0;
            end.set(sleep(self.time));
        }
    }

    /// Records that no write is pending any more.
    pub(super) fn rest(&mut self) {
        self.end = None;
        self.taken = 0;
    }
}
