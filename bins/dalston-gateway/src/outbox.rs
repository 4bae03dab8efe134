//! Frames to a WebSocket client, as the bytes of its connection. They are queued in pieces, and few pieces are produced
//! ahead: a client that does not read makes the session wait (back-pressure).

use actix_http::ws::CloseCode;
use actix_web::web::Bytes;
use bytes::{BufMut, BytesMut};
use bytestring::ByteString;
use futures_util::{Stream, stream::poll_fn};
use std::{collections::VecDeque, convert::Infallible};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Maximum number of payload bytes in a piece.
const PIECE: usize = 16 * 1024;
/// Maximum number of pieces queued for the connection.
const PIECES: usize = 16;
/// Maximum number of bytes in the reason of a close frame (RFC 6455 §5.5).
const REASON: usize = 123;

const FINAL: u8 = 0x80;
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// The sending side of a session's socket.
pub(crate) struct SocketOutbox {
    to: Sender<Bytes>,
    /// Pieces not queued yet. If a session is stopped in the middle of a frame, they are written before the close
    /// frame.
    rest: VecDeque<Bytes>,
}

/// A frame for the client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OutboundFrame {
    Text(ByteString),
    /// A keepalive ping.
    Ping,
    /// The reply to a ping, with its payload.
    Pong(Bytes),
}

/// The error that the client has disconnected.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ClientGone;

impl SocketOutbox {
    /// Returns an outbox, and the body of the response that the outbox fills.
    pub(crate) fn new() -> (Self, impl Stream<Item = Result<Bytes, Infallible>>) {
        let (to, mut from): (_, Receiver<Bytes>) = channel(PIECES);
        let body = poll_fn(move |context| from.poll_recv(context).map(|piece| piece.map(Ok)));
        (Self { to, rest: VecDeque::new() }, body)
    }

    /// Writes a frame.
    pub(crate) async fn send(&mut self, frame: OutboundFrame) -> Result<(), ClientGone> {
        self.push(frame);
        self.flush().await
    }

    /// Appends a frame to the pieces not queued yet. [`SocketOutbox::flush`] writes it.
    pub(crate) fn push(&mut self, frame: OutboundFrame) {
        match frame {
            OutboundFrame::Text(text) => self.put(TEXT, text.into_bytes()),
            OutboundFrame::Ping => self.put(PING, Bytes::new()),
            OutboundFrame::Pong(payload) => self.put(PONG, payload),
        }
    }

    /// Writes all pending pieces. Cancel-safe: no piece is lost.
    pub(crate) async fn flush(&mut self) -> Result<(), ClientGone> {
        while !self.rest.is_empty() {
            let place = self.to.reserve().await.map_err(|_| ClientGone)?;
            if let Some(piece) = self.rest.pop_front() {
                place.send(piece);
            }
        }
        Ok(())
    }

    /// Writes a close frame with this code and reason. No frame can be written after it.
    pub(crate) async fn close(mut self, why: Option<(CloseCode, &str)>) -> Result<(), ClientGone> {
        let mut payload = BytesMut::new();
        if let Some((code, reason)) = why {
            payload.put_u16(code.into());
            payload.extend_from_slice(&reason.as_bytes()[..reason.floor_char_boundary(REASON)]);
        }
        self.put(CLOSE, payload.freeze());
        self.flush().await
    }

    fn put(&mut self, opcode: u8, payload: Bytes) {
        self.rest.extend(frame(opcode, payload));
    }
}

/// Returns the pieces of a frame (RFC 6455 §5.2). Servers do not mask their frames.
fn frame(opcode: u8, mut payload: Bytes) -> impl Iterator<Item = Bytes> {
    let mut first = BytesMut::with_capacity(10 + payload.len().min(PIECE));
    first.put_u8(FINAL | opcode);
    let length = payload.len();
    if let Ok(short) = u8::try_from(length)
        && short < 126
    {
        first.put_u8(short);
    } else if let Ok(middle) = u16::try_from(length) {
        first.put_u8(126);
        first.put_u16(middle);
    } else {
        first.put_u8(127);
        first.put_u64(length as u64);
    }
    first.extend_from_slice(&payload.split_to(length.min(PIECE)));
    let others = std::iter::from_fn(move || {
        let piece = payload.split_to(payload.len().min(PIECE));
        (!piece.is_empty()).then_some(piece)
    });
    std::iter::once(first.freeze()).chain(others)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{FutureExt, StreamExt};

    fn head(length: usize) -> Vec<u8> {
        frame(TEXT, vec![b'x'; length].into())
            .next()
            .unwrap()
            .iter()
            .copied()
            .take_while(|byte| *byte != b'x')
            .collect()
    }

    #[test]
    fn lengths_are_minimal_and_pieces_small() {
        assert_eq!(head(0), [0x81, 0]);
        assert_eq!(head(125), [0x81, 125]);
        assert_eq!(head(126), [0x81, 126, 0, 126]);
        assert_eq!(head(65_535), [0x81, 126, 255, 255]);
        assert_eq!(head(65_536), [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
        for length in [0, 1, PIECE, PIECE + 1, 3 * PIECE + 7] {
            let pieces: Vec<Bytes> = frame(TEXT, vec![b'x'; length].into()).collect();
            assert!(pieces.iter().all(|piece| piece.len() <= PIECE + 10));
            let content = pieces.concat();
            assert_eq!(content[head(length).len()..], vec![b'x'; length], "{length}");
        }
    }

    #[tokio::test]
    async fn what_nobody_takes_waits_in_few_pieces_and_is_said_before_the_close() {
        let (mut outbox, body) = SocketOutbox::new();
        let long = ByteString::from("x".repeat(100 * PIECE));
        assert!(outbox.send(OutboundFrame::Text(long)).now_or_never().is_none(), "it waits for the client");
        let closing = outbox.close(Some((CloseCode::Normal, "over")));
        let (closed, said) = tokio::join!(closing, body.map(Result::unwrap).collect::<Vec<Bytes>>());
        assert_eq!(closed, Ok(()));
        let said = said.concat();
        assert_eq!(said.len(), 10 + 100 * PIECE + 2 + 2 + 4, "nothing is lost, nothing is said twice");
        assert_eq!(said[said.len() - 8..], *b"\x88\x06\x03\xe8over");
    }

    #[tokio::test]
    async fn a_frame_that_is_stopped_before_its_first_piece_is_written_before_the_close() {
        let (mut outbox, body) = SocketOutbox::new();
        outbox.push(OutboundFrame::Text("last".into()));
        outbox.close(None).await.unwrap();
        let said = body.map(Result::unwrap).collect::<Vec<Bytes>>().await.concat();
        assert_eq!(said, b"\x81\x04last\x88\x00");
    }

    #[tokio::test]
    async fn who_has_gone_is_noticed() {
        let (mut outbox, body) = SocketOutbox::new();
        drop(body);
        assert_eq!(outbox.send(OutboundFrame::Ping).await, Err(ClientGone));
    }

    #[tokio::test]
    async fn a_long_reason_is_cut_between_characters() {
        let (outbox, body) = SocketOutbox::new();
        outbox.close(Some((CloseCode::Normal, &"ü".repeat(100)))).await.unwrap();
        let said = body.map(Result::unwrap).collect::<Vec<Bytes>>().await.concat();
        assert_eq!(said[..2], [0x88, 2 + 122]);
        assert_eq!(str::from_utf8(&said[4..]), Ok("ü".repeat(61).as_str()));
    }
}
