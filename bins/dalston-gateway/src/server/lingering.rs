//! The end of a connection whose client may still be sending: what it sends is thrown away for a while. A connection that
//! is closed with something unread is reset, and a reset takes the answer from a client that has not read it yet
//! (RFC 9112 §9.6).

use super::Limits;
use actix_web::rt::net::TcpStream;
use std::{
    future::Future,
    mem::MaybeUninit,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

/// Bytes that are thrown away at once.
const PIECE: usize = 16 * 1024;
/// Bytes that are thrown away of one client.
const MOST: usize = 256 * 1024 * 1024;

/// Measures how long a client still sends.
pub(super) struct Lingering {
    silence: Duration,
    /// When it is over, whatever still comes.
    end: Instant,
    /// The same while the gateway stops.
    soon: Instant,
    thrown: usize,
    /// When it is over unless something comes.
    quiet: Pin<Box<Sleep>>,
}

impl Lingering {
    pub(super) fn new(limits: &Limits) -> Self {
        let now = Instant::now();
        let (silence, end, soon) = (limits.disconnect, now + limits.linger, now + limits.disconnect);
        Self { silence, end, soon, thrown: 0, quiet: Box::pin(sleep_until(end.min(soon))) }
    }

    /// Throws away what comes: ready once nothing more comes, or too much, or for too long.
    pub(super) fn poll(&mut self, stream: &mut TcpStream, stops: bool, context: &mut Context<'_>) -> Poll<()> {
        let mut bytes = [MaybeUninit::uninit(); PIECE];
        loop {
            let mut read = ReadBuf::uninit(&mut bytes);
            let Poll::Ready(result) = Pin::new(&mut *stream).poll_read(context, &mut read) else {
                return self.quiet.as_mut().poll(context);
            };
            let (now, end) = (Instant::now(), if stops { self.soon } else { self.end });
            self.thrown += read.filled().len();
            if result.is_err() || read.filled().is_empty() || self.thrown > MOST || now >= end {
                return Poll::Ready(());
            }
            self.quiet.as_mut().reset(end.min(now + self.silence));
        }
    }
}
