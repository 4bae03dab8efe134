//! The end of a connection whose client may still be sending: what it sends is thrown away for a while. A connection that
//! is closed with something unread is reset, and a reset takes the answer from a client that has not read it yet
//! (RFC 9112 §9.6).

use super::ServerLimits;
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
    time::{Sleep, sleep},
};

/// Bytes that are thrown away at once.
const PIECE: usize = 16 * 1024;
/// Bytes that are thrown away of one client.
const MOST: usize = 256 * 1024 * 1024;

/// Measures how long a client still sends.
pub(super) struct Lingering {
    silence: Duration,
    thrown: usize,
    /// When it is over unless something comes.
    quiet: Pin<Box<Sleep>>,
    /// When it is over, whatever still comes.
    end: Pin<Box<Sleep>>,
    /// The same while the gateway stops.
    soon: Pin<Box<Sleep>>,
}

impl Lingering {
    pub(super) fn new(limits: &ServerLimits) -> Self {
        let [quiet, end, soon] =
            [limits.disconnect, limits.linger, limits.disconnect].map(|time| Box::pin(sleep(time)));
        Self { silence: limits.disconnect, thrown: 0, quiet, end, soon }
    }

    /// Throws away what comes: ready once nothing more comes, or too much, or for too long.
    pub(super) fn poll(&mut self, stream: &mut TcpStream, stops: bool, context: &mut Context<'_>) -> Poll<()> {
        let mut bytes = [MaybeUninit::uninit(); PIECE];
        loop {
            let end = if stops { &mut self.soon } else { &mut self.end };
            if end.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            let mut read = ReadBuf::uninit(&mut bytes);
            let Poll::Ready(result) = Pin::new(&mut *stream).poll_read(context, &mut read) else {
                return self.quiet.as_mut().poll(context);
            };
            self.thrown += read.filled().len();
            if result.is_err() || read.filled().is_empty() || self.thrown > MOST {
                return Poll::Ready(());
            }
            self.quiet.set(sleep(self.silence));
        }
    }
}
