//! A client's connection: it reads no further than the next request, and not while an answer waits.

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

/// Bytes that are read ahead of the request which is served: enough to see that the client has gone.
const AHEAD: usize = 4 * 1024;
/// So many blank lines pass at once, one of which is the end of the next request's head.
const NEXT: usize = 1;
/// So many pass at once of a body, which has blank lines of its own. Each may end a request that follows the body.
const OF_BODY: usize = 8;
/// What a client waits for that asked whether to send its body (RFC 9110 §10.1.1).
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A client's connection.
pub(super) struct Connection {
    stream: TcpStream,
    turn: ConnectionTurn,
    line: BlankLine,
    /// What was read behind the last blank line that passed.
    ahead: BytesMut,
    /// Whether the client sends no more.
    has_ended: bool,
    /// Blank lines that have passed since the dispatcher last had to decode what stands before them.
    passed: usize,
    head: NextHead,
    /// What is still to be written of `100 Continue`, once somebody waits for the body.
    withheld: &'static [u8],
    patience: Patience,
    /// `None` until the server ends the connection.
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

    /// Writes what was withheld.
    fn poll_continue(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.withheld.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, self.withheld))?;
            self.withheld = &self.withheld[written..];
        }
        Poll::Ready(Ok(()))
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
        if this.turn.takes_continue() && bytes.starts_with(CONTINUE) {
            // The dispatcher writes it before anybody has looked at the request, which may be refused.
            this.withheld = CONTINUE;
            return Poll::Ready(Ok(CONTINUE.len()));
        }
        if this.withheld.len() == CONTINUE.len() {
            // The answer comes without it.
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

    /// All was written: the dispatcher asks for it then only.
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
