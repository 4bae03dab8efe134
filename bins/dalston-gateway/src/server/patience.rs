//! How long a client may let an answer wait.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Sleep, sleep};

/// A client that takes so many bytes has time again. Whoever takes one byte now and then does not.
const PROGRESS: usize = 64 * 1024;

/// Measures how long a client lets an answer wait.
pub(super) struct Patience {
    time: Duration,
    /// When it is over; `None` while nothing waits.
    end: Option<Pin<Box<Sleep>>>,
    taken: usize,
}

impl Patience {
    pub(super) const fn new(time: Duration) -> Self {
        Self { time, end: None, taken: 0 }
    }

    /// Whether something waits.
    pub(super) const fn is_tried(&self) -> bool {
        self.end.is_some()
    }

    /// Something waits: ready once it has done so for too long.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.end.get_or_insert_with(|| Box::pin(sleep(self.time))).as_mut().poll(context)
    }

    /// The client has taken so many bytes. What waits still is to be polled again: a new time may have begun.
    pub(super) fn took(&mut self, bytes: usize) {
        let Some(end) = &mut self.end else { return };
        self.taken += bytes;
        if self.taken >= PROGRESS {
            self.taken = 0;
            end.set(sleep(self.time));
        }
    }

    /// Nothing waits any more.
    pub(super) fn rest(&mut self) {
        self.end = None;
        self.taken = 0;
    }
}
