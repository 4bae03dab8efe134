//! Frames of a WebSocket client (RFC 6455 §5). Frames are checked by their header, so one that is too large is refused
//! before its payload arrives.

use bytes::{Buf, Bytes, BytesMut};

/// Reserved bits, which only extensions use. No extension is ever negotiated (§5.2).
const RESERVED: u8 = 0b0111_0000;
const FINAL: u8 = 0b1000_0000;
const MASKED: u8 = 0b1000_0000;
/// Maximum number of payload bytes in a control frame (§5.5).
const CONTROL_BYTES: u64 = 125;

/// A frame of a client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WsFrame {
    pub(crate) kind: WsFrameKind,
    /// Whether this is the last frame of its message.
    pub(crate) is_final: bool,
    pub(crate) payload: Bytes,
}

/// The type of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WsFrameKind {
    More,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

/// A violation of the WebSocket protocol by the client (§7.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProtocolViolation {
    /// The bytes are no valid frame or message.
    Protocol,
    /// A frame or message exceeds a limit.
    TooLarge(&'static str),
    /// A text is not UTF-8.
    NotUtf8,
}

/// The header of a frame.
struct WsFrameHeader {
    kind: WsFrameKind,
    is_final: bool,
    mask: [u8; 4],
    /// Size of the header in bytes.
    size: usize,
    /// Size of the payload in bytes.
    length: usize,
}

/// Removes the next frame from the buffer and returns it unmasked, or `None` if it is incomplete. `most` is the maximum
/// number of payload bytes in a frame.
pub(crate) fn take(bytes: &mut BytesMut, most: usize) -> Result<Option<WsFrame>, ProtocolViolation> {
    let Some(WsFrameHeader { kind, is_final, mask, size, length }) = head(bytes, most)? else { return Ok(None) };
    if bytes.len() < size + length {
        return Ok(None);
    }
    bytes.advance(size);
    let mut payload = bytes.split_to(length);
    for four in payload.chunks_mut(mask.len()) {
        for (byte, key) in four.iter_mut().zip(mask) {
            *byte ^= key;
        }
    }
    Ok(Some(WsFrame { kind, is_final, payload: payload.freeze() }))
}

fn head(bytes: &[u8], most: usize) -> Result<Option<WsFrameHeader>, ProtocolViolation> {
    let Some(&first) = bytes.first() else { return Ok(None) };
    let is_final = first & FINAL != 0;
    let kind = match first & !FINAL & !RESERVED {
        0 => WsFrameKind::More,
        1 => WsFrameKind::Text,
        2 => WsFrameKind::Binary,
        8 => WsFrameKind::Close,
        9 => WsFrameKind::Ping,
        10 => WsFrameKind::Pong,
        _ => return Err(ProtocolViolation::Protocol),
    };
    let is_control = matches!(kind, WsFrameKind::Close | WsFrameKind::Ping | WsFrameKind::Pong);
    if first & RESERVED != 0 || (is_control && !is_final) {
        return Err(ProtocolViolation::Protocol);
    }
    let Some(&second) = bytes.get(1) else { return Ok(None) };
    if second & MASKED == 0 {
        return Err(ProtocolViolation::Protocol);
    }
    let (length, mask_at) = match second & !MASKED {
        126 => (bytes.get(2..4), 4),
        127 => (bytes.get(2..10), 10),
        _ => (bytes.get(1..2), 2),
    };
    let Some(length) = length else { return Ok(None) };
    let length = length.iter().fold(0, |length, byte| length << 8 | u64::from(*byte));
    let (length, least) = match mask_at {
        4 => (length, 126),
        10 => (length, 0x1_0000),
        _ => (length & u64::from(!MASKED), 0),
    };
    if length < least || (is_control && length > CONTROL_BYTES) {
        return Err(ProtocolViolation::Protocol);
    }
    let length = usize::try_from(length).ok().filter(|length| *length <= most);
    let length = length.ok_or(ProtocolViolation::TooLarge("Frame too large"))?;
    let Some(&[one, two, three, four]) = bytes.get(mask_at..mask_at + 4) else { return Ok(None) };
    Ok(Some(WsFrameHeader { kind, is_final, mask: [one, two, three, four], size: mask_at + 4, length }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 70_000;

    /// Returns the payload lengths of the frames in these bytes, and the result. Checks that reading all bytes at once
    /// and reading them one by one give the same.
    fn lengths(bytes: &[u8]) -> (Vec<usize>, Result<(), ProtocolViolation>) {
        let read = [bytes.len().max(1), 1].map(|size| {
            let (mut held, mut lengths) = (BytesMut::new(), Vec::new());
            for piece in bytes.chunks(size) {
                held.extend_from_slice(piece);
                loop {
                    match take(&mut held, MOST) {
                        Ok(Some(frame)) => lengths.push(frame.payload.len()),
                        Ok(None) => break,
                        Err(broken) => return (lengths, Err(broken)),
                    }
                }
            }
            (lengths, Ok(()))
        });
        assert_eq!(read[0], read[1]);
        read[0].clone()
    }

    fn frame(first: u8, length: &[u8], payload: usize) -> Vec<u8> {
        [&[first][..], length, &[0; 4], &vec![0xff; payload]].concat()
    }

    #[test]
    fn frames_up_to_the_limit_pass_however_they_are_cut() {
        let small = frame(0x82, &[0x85], 5);
        let middle = frame(0x82, &[0xfe, 1, 0], 256);
        let large = frame(0x82, &[0xff, 0, 0, 0, 0, 0, 1, 0x11, 0x70], 70_000);
        let all = [small.clone(), large, middle, small, vec![0x82, 0x85]].concat();
        assert_eq!(lengths(&all), (vec![5, 70_000, 256, 5], Ok(())));
        assert_eq!(lengths(&[]), (vec![], Ok(())));
    }

    #[test]
    fn a_frame_over_the_limit_is_refused_by_its_head() {
        let too_large = Err(ProtocolViolation::TooLarge("Frame too large"));
        assert_eq!(lengths(&[0x82, 0xff, 0, 0, 0, 0, 0, 1, 0x11, 0x71]).1, too_large, "WS-05");
        assert_eq!(lengths(&[0x82, 0xff, 255, 255, 255, 255, 255, 255, 255, 255]).1, too_large);
        let second = [frame(0x82, &[0x85], 5), vec![0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0]].concat();
        assert_eq!(lengths(&second), (vec![5], too_large));
    }

    #[test]
    fn what_the_protocol_forbids_is_refused() {
        for (bytes, why) in [
            (vec![0xc2], "a reserved bit"),
            (vec![0x83], "an unknown opcode"),
            (vec![0x8f], "an unknown control opcode"),
            (vec![0x09], "a ping in pieces"),
            (vec![0x82, 0x05], "no mask"),
            (vec![0x89, 0xfe, 0, 126], "a long ping"),
            (vec![0x82, 0xfe, 0, 125], "125 in two bytes"),
            (vec![0x82, 0xfe, 0, 0], "none in two bytes"),
            (vec![0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff], "65,535 in eight bytes"),
            (vec![0x82, 0xff, 0, 0, 0, 0, 0, 0, 0, 5], "5 in eight bytes"),
        ] {
            assert_eq!(lengths(&bytes), (vec![], Err(ProtocolViolation::Protocol)), "WS-04 {why}");
        }
    }

    #[test]
    fn the_mask_is_taken_off() {
        let mut bytes = BytesMut::from(&[0x81, 0x85, 1, 2, 3, 4, b'h' ^ 1, b'e' ^ 2, b'l' ^ 3, b'l' ^ 4, b'o' ^ 1][..]);
        let payload = Bytes::from_static(b"hello");
        assert_eq!(take(&mut bytes, MOST), Ok(Some(WsFrame { kind: WsFrameKind::Text, is_final: true, payload })));
        assert!(bytes.is_empty());
    }
}
