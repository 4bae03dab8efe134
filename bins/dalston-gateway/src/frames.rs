//! What a WebSocket client may send, judged by the heads of its frames: a frame that is too large is refused before it
//! is kept in memory, which the codec does only after (WS-05).

use actix_web::{
    FromRequest, HttpRequest, dev,
    error::PayloadError,
    web::{Bytes, Payload},
};
use futures_util::{Stream, StreamExt, future::ready};
use std::io::{Error, ErrorKind};

/// The bits that only extensions use; none is agreed on (RFC 6455 §5.2).
const RESERVED: u8 = 0b0111_0000;
/// The longest head: two bytes, a length of eight, a mask of four.
const LONGEST: usize = 14;

/// The payload, which ends with `FileTooLarge` at a frame of more than `max` bytes, and with `InvalidInput` at one that
/// uses reserved bits.
pub(crate) async fn bounded(request: &HttpRequest, payload: Payload, max: u64) -> Result<Payload, actix_web::Error> {
    let watched: dev::Payload = dev::Payload::Stream { payload: Box::pin(watched(payload, max)) };
    Payload::from_request(request, &mut { watched }).await
}

fn watched<S>(bytes: S, max: u64) -> impl Stream<Item = Result<Bytes, PayloadError>>
where
    S: Stream<Item = Result<Bytes, PayloadError>>,
{
    let mut heads = Heads { max, head: Vec::with_capacity(LONGEST), rest: 0 };
    let mut ended = false;
    let judged = bytes.map(move |piece| {
        let piece = piece?;
        heads.read(&piece).map_err(|kind| PayloadError::Io(Error::from(kind)))?;
        Ok(piece)
    });
    // Behind a head that is refused nothing makes sense.
    judged.take_while(move |piece| {
        let first = !ended;
        ended |= piece.is_err();
        ready(first)
    })
}

/// Reads heads, and passes over what they announce.
struct Heads {
    max: u64,
    head: Vec<u8>,
    rest: u64,
}

impl Heads {
    fn read(&mut self, mut bytes: &[u8]) -> Result<(), ErrorKind> {
        while let Some(&next) = bytes.first() {
            if self.rest > 0 {
                let passed = usize::try_from(self.rest).unwrap_or(usize::MAX).min(bytes.len());
                self.rest -= passed as u64;
                bytes = &bytes[passed..];
                continue;
            }
            self.head.push(next);
            bytes = &bytes[1..];
            if self.head[0] & RESERVED != 0 {
                return Err(ErrorKind::InvalidInput);
            }
            if let Some(length) = length(&self.head) {
                if length > self.max {
                    return Err(ErrorKind::FileTooLarge);
                }
                let mask = if self.head[1] & 0x80 == 0 { 0 } else { 4 };
                self.rest = length + mask;
                self.head.clear();
            }
        }
        Ok(())
    }
}

/// The length that a head announces, once it is there.
fn length(head: &[u8]) -> Option<u64> {
    let bytes = match head.get(1)? & 0x7f {
        126 => head.get(2..4)?,
        127 => head.get(2..10)?,
        short => return Some(short.into()),
    };
    Some(bytes.iter().fold(0, |length, byte| length << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{FutureExt, stream::iter};

    /// The kind of error that these bytes end with, whole and one by one.
    fn judge(bytes: &[u8]) -> Option<ErrorKind> {
        let judged = [bytes.len().max(1), 1].map(|size| {
            let pieces: Vec<_> = bytes.chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
            let all: Vec<_> = watched(iter(pieces), 70_000).collect().now_or_never().unwrap();
            let errors: Vec<_> = all.into_iter().filter_map(Result::err).collect();
            assert!(errors.len() <= 1, "it ends with the first error");
            errors.into_iter().next().map(|error| match error {
                PayloadError::Io(error) => error.kind(),
                other => panic!("{other}"),
            })
        });
        assert_eq!(judged[0], judged[1]);
        judged[0]
    }

    fn frame(length: &[u8], payload: usize) -> Vec<u8> {
        [&[0x82][..], length, &[0; 4], &vec![0xff; payload]].concat()
    }

    #[test]
    fn frames_up_to_the_limit_pass_however_they_are_cut() {
        let small = frame(&[0x85], 5);
        let middle = frame(&[0xfe, 1, 0], 256);
        let large = frame(&[0xff, 0, 0, 0, 0, 0, 1, 0x11, 0x70], 70_000);
        assert_eq!(judge(&[small.clone(), large, middle, small].concat()), None);
        assert_eq!(judge(&[]), None);
    }

    #[test]
    fn a_frame_over_the_limit_is_refused_by_its_head() {
        assert_eq!(judge(&[0x82, 0xff, 0, 0, 0, 0, 0, 1, 0x11, 0x71]), Some(ErrorKind::FileTooLarge), "WS-05");
        assert_eq!(judge(&[0x82, 0xff, 255, 255, 255, 255, 255, 255, 255, 255]), Some(ErrorKind::FileTooLarge));
        let second = [frame(&[0x85], 5), vec![0x82, 0x7f, 0, 0, 0, 1, 0, 0, 0, 0]].concat();
        assert_eq!(judge(&second), Some(ErrorKind::FileTooLarge));
    }

    #[test]
    fn reserved_bits_are_refused() {
        assert_eq!(judge(&[0xc2]), Some(ErrorKind::InvalidInput), "WS-04");
        assert_eq!(judge(&[frame(&[0x85], 5), vec![0x92]].concat()), Some(ErrorKind::InvalidInput));
    }
}
