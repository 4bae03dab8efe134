//! Lingering close: after the server has closed a connection, it discards for a while what the client still sends.
//! Closing a socket with unread bytes resets the connection, and a reset can destroy the response before the client has
//! read it (RFC 9112 §9.6).

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

/// Bytes discarded at once.
const PIECE: usize = 16 * 1024;
/// Maximum number of bytes discarded for one client.
const MOST: usize = 256 * 1024 * 1024;

/// The state of a lingering close: its timers and the bytes discarded so far.
pub(super) struct Lingering {
    silence: Duration,
    thrown: usize,
    /// When the time is over if the client sends nothing more.
    quiet: Pin<Box<Sleep>>,
    /// When the time is over even if the client goes on sending.
    end: Pin<Box<Sleep>>,
    /// The same as `end`, while the gateway shuts down.
    soon: Pin<Box<Sleep>>,
}

impl Lingering {
    pub(super) fn new(limits: &ServerLimits) -> Self {
        let [quiet, end, soon] =
            [limits.disconnect, limits.linger, limits.disconnect].map(|time| Box::pin(sleep(time)));
        Self { silence: limits.disconnect, thrown: 0, quiet, end, soon }
    }

    /// Discards what arrives. Ready once the client stops sending, or has sent too much or for too long.
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
