//! Messages of a WebSocket client: reassembled from frames, and limited in size and rate.

use crate::frames::{self, ProtocolViolation, WsFrame, WsFrameKind};
use actix_web::{error::PayloadError, web::Bytes};
use bytes::BytesMut;
use bytestring::ByteString;
use dalston_model::SharedClock;
use futures_util::{Stream, StreamExt};
use std::time::Duration;
use tokio::time::sleep;

/// Maximum number of bytes in a message.
const BYTES: usize = 1024 * 1024;
/// Maximum number of frames in a message, including empty ones.
const FRAMES: usize = 1_000;
/// Maximum number of frames a second. At the limit, nothing more is read until the second is over.
const PER_SECOND: u32 = 1_000;

/// A message or control frame of a client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SocketMessage {
    Text(ByteString),
    Binary(Bytes),
    Ping(Bytes),
    Pong,
    Close,
}

/// Reader of a client's messages.
pub(crate) struct SocketMessages<S> {
    bytes: S,
    frame_bytes: usize,
    /// Bytes received but not parsed yet.
    held: BytesMut,
    /// The fragmented message being received, if any.
    begun: Option<Begun>,
    clock: SharedClock,
    second: Duration,
    /// The end of the current second by the monotonic clock; `left` is the number of frames that may still be read
    /// until then.
    until: Duration,
    left: u32,
}

struct Begun {
    kind: WsFrameKind,
    frames: usize,
    content: BytesMut,
}

impl<S: Stream<Item = Result<Bytes, PayloadError>> + Unpin> SocketMessages<S> {
    /// Returns a reader of the messages in these bytes.
    ///
    /// A frame may carry at most `frame_bytes` bytes. `second` is the span of `clock` in which 1,000 frames are read.
    pub(crate) fn new(bytes: S, frame_bytes: usize, second: Duration, clock: SharedClock) -> Self {
        let (held, until) = (BytesMut::new(), clock.monotonic() + second);
        Self { bytes, frame_bytes, held, begun: None, clock, second, until, left: PER_SECOND }
    }

    /// Returns the next message, or `None` when the client has disconnected. Cancel-safe: no bytes are lost.
    pub(crate) async fn next(&mut self) -> Option<Result<SocketMessage, ProtocolViolation>> {
        loop {
            if self.left == 0 {
                sleep(self.until.saturating_sub(self.clock.monotonic())).await;
            }
            match frames::take(&mut self.held, self.frame_bytes) {
                Ok(Some(frame)) => {
                    self.count();
                    if let Some(message) = self.read(frame).transpose() {
                        return Some(message);
                    }
                }
                Ok(None) => match self.bytes.next().await? {
                    // Usually a frame arrives alone, and needs no copy.
                    Ok(piece) if self.held.is_empty() => self.held = BytesMut::from(piece),
                    Ok(piece) => self.held.extend_from_slice(&piece),
                    Err(_) => return None,
                },
                Err(broken) => return Some(Err(broken)),
            }
        }
    }

    /// Counts a frame. After the limit or the end of a second, the next frame starts a new second.
    fn count(&mut self) {
        let now = self.clock.monotonic();
        if self.left == 0 || now >= self.until {
            (self.until, self.left) = (now + self.second, PER_SECOND);
        }
        self.left -= 1;
    }

    /// Returns the message that this frame completes, if it does. Control frames are complete by themselves.
    fn read(
        &mut self,
        WsFrame { kind, is_final, payload }: WsFrame,
    ) -> Result<Option<SocketMessage>, ProtocolViolation> {
        match kind {
            WsFrameKind::Ping => return Ok(Some(SocketMessage::Ping(payload))),
            WsFrameKind::Pong => return Ok(Some(SocketMessage::Pong)),
            WsFrameKind::Close => return closed(&payload).map(|()| Some(SocketMessage::Close)),
            WsFrameKind::Text | WsFrameKind::Binary if self.begun.is_some() => return Err(ProtocolViolation::Protocol),
            WsFrameKind::Text | WsFrameKind::Binary if is_final => return whole(kind, payload).map(Some),
            WsFrameKind::Text | WsFrameKind::Binary => {
                self.begun = Some(Begun { kind, frames: 0, content: BytesMut::new() });
            }
            WsFrameKind::More => {}
        }
        let begun = self.begun.as_mut().ok_or(ProtocolViolation::Protocol)?;
        begun.frames += 1;
        if begun.frames > FRAMES {
            return Err(ProtocolViolation::TooLarge("Message of too many frames"));
        }
        if begun.content.len() + payload.len() > BYTES {
            return Err(ProtocolViolation::TooLarge("Message too large"));
        }
        // Copied, because a slice of one byte would keep the whole read buffer alive.
        begun.content.extend_from_slice(&payload);
        match self.begun.take_if(|_| is_final) {
            Some(Begun { kind, content, .. }) => whole(kind, content.freeze()).map(Some),
            None => Ok(None),
        }
    }
}

fn whole(kind: WsFrameKind, content: Bytes) -> Result<SocketMessage, ProtocolViolation> {
    match kind {
        WsFrameKind::Text => {
            ByteString::try_from(content).map(SocketMessage::Text).map_err(|_| ProtocolViolation::NotUtf8)
        }
        _ => Ok(SocketMessage::Binary(content)),
    }
}

/// Validates the payload of a close frame: either empty, or a valid code and a reason in UTF-8 (RFC 6455 §5.5.1, §7.4).
fn closed(payload: &[u8]) -> Result<(), ProtocolViolation> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok(()) } else { Err(ProtocolViolation::Protocol) };
    };
    match u16::from_be_bytes(*code) {
        1000..=1003 | 1007..=1014 | 3000..=4999 if str::from_utf8(reason).is_ok() => Ok(()),
        1000..=1003 | 1007..=1014 | 3000..=4999 => Err(ProtocolViolation::NotUtf8),
        _ => Err(ProtocolViolation::Protocol),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dalston_model::{ManualClock, SystemClock, Timestamp};
    use futures_util::{FutureExt, stream};
    use std::sync::Arc;

    const TEXT: u8 = 1;
    const BINARY: u8 = 2;
    const PING: u8 = 9;
    const FINAL: u8 = 0x80;

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let length = match payload.len() {
            length @ ..=125 => vec![0x80 | u8::try_from(length).unwrap()],
            length => [&[0xfe][..], &u16::try_from(length).unwrap().to_be_bytes()].concat(),
        };
        [vec![first], length, vec![0; 4], payload.to_vec()].concat()
    }

    fn messages(
        bytes: &[u8],
        second: Duration,
        clock: SharedClock,
    ) -> SocketMessages<impl Stream<Item = Result<Bytes, PayloadError>> + Unpin + use<>> {
        let pieces: Vec<_> = bytes.chunks(30_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        SocketMessages::new(stream::iter(pieces).chain(stream::pending()), 60_000, second, clock)
    }

    /// Returns the first message or the violation.
    async fn first(bytes: Vec<u8>) -> Result<SocketMessage, ProtocolViolation> {
        messages(&bytes, Duration::ZERO, Arc::new(SystemClock)).next().await.unwrap()
    }

    fn fragments(number: usize, content: &[u8]) -> Vec<u8> {
        let mut bytes = frame(BINARY, content);
        for _ in 2..number {
            bytes.extend(frame(0, content));
        }
        bytes.extend(frame(FINAL, content));
        bytes
    }

    #[tokio::test]
    async fn a_message_has_a_thousand_frames_at_most() {
        assert_eq!(first(fragments(1_000, b"x")).await, Ok(SocketMessage::Binary(vec![b'x'; 1_000].into())));
        assert_eq!(first(fragments(1_000, b"")).await, Ok(SocketMessage::Binary(Bytes::new())), "empty ones too");
        let too_many = Err(ProtocolViolation::TooLarge("Message of too many frames"));
        assert_eq!(first(fragments(1_001, b"x")).await, too_many, "WS-05");
        assert_eq!(first(fragments(1_001, b"")).await, too_many);
        // Control frames in between do not count as fragments of the message.
        let pings = frame(FINAL | PING, b"p").repeat(500);
        let mixed = [frame(TEXT, b"a"), pings, frame(0, b"").repeat(400), frame(FINAL, b"b")].concat();
        let mut mixed = messages(&mixed, Duration::ZERO, Arc::new(SystemClock));
        for _ in 0..500 {
            assert_eq!(mixed.next().await, Some(Ok(SocketMessage::Ping(Bytes::from_static(b"p")))));
        }
        assert_eq!(mixed.next().await, Some(Ok(SocketMessage::Text("ab".into()))));
    }

    #[tokio::test]
    async fn a_message_has_a_mebibyte_at_most() {
        let piece = vec![0; 1024 * 1024 / 32];
        assert_eq!(first(fragments(32, &piece)).await, Ok(SocketMessage::Binary(vec![0; 1024 * 1024].into())));
        let mut over = frame(BINARY, b"x");
        (0..32).for_each(|_| over.extend(frame(0, &piece)));
        assert_eq!(first(over).await, Err(ProtocolViolation::TooLarge("Message too large")), "WS-05");
    }

    #[tokio::test]
    async fn a_thousand_frames_a_second_are_taken_and_the_others_wait() {
        for flood in [frame(FINAL | PING, b""), frame(FINAL | BINARY, b""), frame(FINAL | TEXT, b"x")] {
            let mut messages = messages(&flood.repeat(5_000), Duration::from_hours(1), Arc::new(SystemClock));
            for _ in 0..1_000 {
                assert!(messages.next().now_or_never().is_some(), "WS-06");
            }
            assert!(messages.next().now_or_never().is_none(), "nothing is read until the second is over");
        }
    }

    #[tokio::test]
    async fn what_waits_is_taken_in_the_seconds_after() {
        let mut messages =
            messages(&frame(FINAL | PING, b"").repeat(5_000), Duration::from_millis(1), Arc::new(SystemClock));
        for _ in 0..5_000 {
            assert!(messages.next().await.unwrap().is_ok(), "it is no error");
        }
    }

    #[tokio::test]
    async fn a_second_of_the_clock_begins_with_its_first_frame() {
        const SECOND: Duration = Duration::from_hours(1);
        let clock = ManualClock::new(Timestamp::from_secs(0));
        let mut messages = messages(&frame(FINAL | PING, b"").repeat(5_000), SECOND, clock.clone());
        let mut take = |frames| (0..frames).take_while(|_| messages.next().now_or_never().is_some()).count();
        assert_eq!(take(999), 999);
        clock.advance(SECOND);
        assert_eq!(take(999), 999, "one was left, and the second was over");
        clock.advance(SECOND / 2);
        assert_eq!(take(2_000), 1, "it is not over");
    }

    #[tokio::test]
    async fn closes_must_mean_something() {
        assert_eq!(first(frame(0x88, b"")).await, Ok(SocketMessage::Close));
        assert_eq!(first(frame(0x88, &[3, 232, b'x'])).await, Ok(SocketMessage::Close));
        assert_eq!(first(frame(0x88, b"x")).await, Err(ProtocolViolation::Protocol));
        assert_eq!(first(frame(0x88, &[3, 237])).await, Err(ProtocolViolation::Protocol));
        assert_eq!(first(frame(0x88, &[3, 232, 0xff])).await, Err(ProtocolViolation::NotUtf8));
    }
}
