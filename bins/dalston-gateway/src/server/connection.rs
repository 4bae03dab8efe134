//! A client's connection. It reads no further than the end of the next request, and nothing while a response waits to
//! be written.

use super::{
    ConnectionTurn, ServerLimits, blank_line::BlankLine, connection_slots::ConnectionSlot, lingering::Lingering,
    next_head::NextHead, patience::Patience,
};
use crate::Gateway;
use actix_web::{rt::net::TcpStream, web::Data};
use bytes::BytesMut;
use std::{
    io, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes read ahead of the request being served: enough to detect that the client has disconnected.
const AHEAD: usize = 4 * 1024;
/// Blank lines that pass at once outside of a body: the one that ends the next request's head.
const NEXT: usize = 1;
/// Blank lines that pass at once in a body, which has blank lines of its own. Each may end a request after the body.
const OF_BODY: usize = 8;
/// The interim response to `Expect: 100-continue` (RFC 9110 §10.1.1).
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A client's connection, as the stream of the actix-http dispatcher.
pub(super) struct Connection {
    stream: TcpStream,
    turn: ConnectionTurn,
    line: BlankLine,
    /// Bytes read after the last blank line that passed to the dispatcher.
    ahead: BytesMut,
    /// Whether the client has closed its sending side.
    has_ended: bool,
    /// Blank lines passed since the dispatcher last had to decode what precedes them.
    passed: usize,
    head: NextHead,
    /// The rest of `100 Continue`, which is withheld until the handler reads the body.
    withheld: &'static [u8],
    patience: Patience,
    /// `None` until the server closes the connection.
    lingering: Option<Lingering>,
    limits: Arc<ServerLimits>,
    gateway: Data<Gateway>,
    _place: ConnectionSlot,
}

impl Connection {
    pub(super) fn new(
        stream: TcpStream,
        place: ConnectionSlot,
        limits: Arc<ServerLimits>,
        gateway: Data<Gateway>,
    ) -> Self {
        let turn = ConnectionTurn::new(stream.local_addr().ok());
        Self {
            stream,
            turn,
            line: BlankLine::default(),
            ahead: BytesMut::new(),
            has_ended: false,
            passed: 0,
            head: NextHead::new(limits.head),
            withheld: &[],
            patience: Patience::new(limits.write),
            lingering: None,
            limits,
            gateway,
            _place: place,
        }
    }

    pub(super) fn turn(&self) -> ConnectionTurn {
        self.turn.clone()
    }

    /// Reads what the client sends while a request is served, up to `AHEAD` bytes, to detect a disconnect.
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

    /// Returns how many of these bytes may pass to the dispatcher, and counts their blank lines. `most` is the limit.
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

    /// Writes the withheld interim response.
    fn poll_continue(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.withheld.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, self.withheld))?;
            self.withheld = &self.withheld[written..];
        }
        Poll::Ready(Ok(()))
    }

    /// Aborts the connection with a reset: the kernel discards what it still holds for the client.
    fn abort(&mut self) {
        // Fails if the socket is closed already, which is no problem.
        let _ = self.stream.set_zero_linger();
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.patience.is_tried() {
            // Both the end of the write and the timeout of the write wake the reader.
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
                    // The socket wakes the reader for new bytes only, and not for those already in `ahead`.
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
                // An incomplete head that times out ends the connection like an end of file.
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
        if this.turn.takes_continue() && bytes.starts_with(CONTINUE) {
            // The dispatcher writes `100 Continue` before any handler has seen the request, which may still be refused.
            // So the interim response is withheld.
            this.withheld = CONTINUE;
            return Poll::Ready(Ok(CONTINUE.len()));
        }
        if this.withheld.len() == CONTINUE.len() {
            // The handler responds without reading the body, so the client must not be asked to send it.
            this.withheld = &[];
        }
        ready!(this.poll_continue(context))?;
        match Pin::new(&mut this.stream).poll_write(context, bytes) {
            Poll::Ready(Ok(written)) => {
                this.patience.took(written);
                Poll::Ready(Ok(written))
            }
            Poll::Pending if this.patience.poll(context).is_ready() => {
                tracing::debug!(event = "connection.stalled", "closed the connection of a client that does not read");
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            other => other,
        }
    }

    /// The dispatcher calls this only after all bytes were written.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.patience.is_tried() {
            self.patience.rest();
            self.turn.wake();
        }
        if self.turn.waits_for_body() {
            ready!(self.poll_continue(context))?;
        }
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let lingering = match &mut this.lingering {
            Some(lingering) => lingering,
            none => {
                ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
                none.insert(Lingering::new(&this.limits))
            }
        };
        lingering.poll(&mut this.stream, this.gateway.is_draining(), context).map(Ok)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.patience.is_tried() {
            self.abort();
        }
    }
}
