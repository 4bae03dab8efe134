//! A client's connection: it reads no further than the next request, and not while an answer waits.

use super::{Turn, blank_line::BlankLine, next_head::NextHead, patience::Patience, places::Place};
use actix_web::rt::net::TcpStream;
use bytes::BytesMut;
use std::{
    io, mem,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that are read ahead of the request which is served: enough to see that the client has gone.
const AHEAD: usize = 4 * 1024;
/// So many blank lines pass at once, one of which is the end of the next request's head.
const NEXT: usize = 1;
/// So many pass at once of a body, which has blank lines of its own. Each may end a request that follows the body.
const OF_BODY: usize = 8;

/// A client's connection.
pub(super) struct Connection {
    stream: TcpStream,
    turn: Turn,
    line: BlankLine,
    /// What was read behind the last blank line that passed.
    ahead: BytesMut,
    /// Whether the client sends no more.
    has_ended: bool,
    /// Blank lines that have passed since the dispatcher last had to decode what stands before them.
    passed: usize,
    head: NextHead,
    patience: Patience,
    _place: Place,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, place: Place, head: Duration, write: Duration) -> Self {
        let turn = Turn::new(stream.local_addr().ok());
        Self {
            stream,
            turn,
            line: BlankLine::default(),
            ahead: BytesMut::new(),
            has_ended: false,
            passed: 0,
            head: NextHead::new(head),
            patience: Patience::new(write),
            _place: place,
        }
    }

    pub(super) fn turn(&self) -> Turn {
        self.turn.clone()
    }

    /// Reads what the client sends meanwhile, as far as there is room, to see whether it has gone.
    fn read_ahead(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        while !self.has_ended && self.ahead.len() < AHEAD && self.stream.poll_read_ready(context)?.is_ready() {
            let mut bytes = [0; AHEAD];
            let room = AHEAD - self.ahead.len();
            match self.stream.try_read(&mut bytes[..room]) {
                Ok(0) => self.has_ended = true,
                Ok(read) => self.ahead.extend_from_slice(&bytes[..read]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// How much of the bytes may pass.
    fn count(&mut self, bytes: &[u8], most: usize) -> usize {
        match self.line.end(bytes, most - self.passed) {
            Ok(end) => {
                self.passed = most;
                end
            }
            Err(found) => {
                self.passed += found;
                bytes.len()
            }
        }
    }

    /// Ends the connection at once: what the kernel holds for the client is thrown away too.
    fn abort(&mut self) {
        // The socket may be gone already.
        let _ = self.stream.set_zero_linger();
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.patience.is_tried() {
            // The end of the write wakes the reader, and so does the end of the patience.
            this.turn.park(context);
            return Poll::Pending;
        }
        let most = if this.turn.waits_for_body() { OF_BODY } else { NEXT };
        let may_read = this.turn.may_read();
        if this.passed >= most || !may_read {
            this.read_ahead(context)?;
            if !may_read {
                if this.has_ended {
                    return Poll::Ready(Ok(()));
                }
                if !this.ahead.is_empty() {
                    // The socket announces what is yet to come, and not what was read.
                    this.turn.park(context);
                }
            } else if this.has_ended || !this.ahead.is_empty() {
                context.waker().wake_by_ref();
            }
            this.passed = 0;
            return Poll::Pending;
        }
        if !this.ahead.is_empty() {
            let mut ahead = mem::take(&mut this.ahead);
            let room = ahead.len().min(into.remaining());
            let end = this.count(&ahead[..room], most);
            into.put_slice(&ahead.split_to(end));
            this.ahead = ahead;
            this.head.passed(&this.turn);
            return Poll::Ready(Ok(()));
        }
        if !this.has_ended {
            let before = into.filled().len();
            let Poll::Ready(result) = Pin::new(&mut this.stream).poll_read(context, into) else {
                // A head that stays half ends the connection, as if the client sent no more.
                return this.head.poll(&this.turn, context).map(Ok);
            };
            result?;
            let read = &into.filled()[before..];
            this.has_ended = read.is_empty();
            let end = this.count(read, most);
            this.ahead.extend_from_slice(&read[end..]);
            into.set_filled(before + end);
            if end > 0 {
                this.head.passed(&this.turn);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        match Pin::new(&mut this.stream).poll_write(context, bytes) {
            Poll::Ready(Ok(written)) => {
                this.patience.took(written);
                Poll::Ready(Ok(written))
            }
            Poll::Pending if this.patience.poll(context).is_ready() => {
                tracing::debug!("a client does not take its answers: its connection ends");
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            other => other,
        }
    }

    /// All was written: the dispatcher asks for it then only.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.patience.is_tried() {
            self.patience.rest();
            self.turn.wake();
        }
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.patience.is_tried() {
            self.abort();
        }
    }
}
