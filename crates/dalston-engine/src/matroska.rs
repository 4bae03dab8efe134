//! Reads from Matroska headers what the demuxer does not report: the default audio track. A track is a default track
//! unless its flag says otherwise.

use std::io::{self, Read, Seek, SeekFrom};

/// EBML element IDs.
pub(crate) const SEGMENT: u32 = 0x1853_8067;
pub(crate) const CLUSTER: u32 = 0x1f43_b675;
const TRACKS: u32 = 0x1654_ae6b;
const TRACK: u32 = 0xae;
const NUMBER: u32 = 0xd7;
const KIND: u32 = 0x83;
const IS_DEFAULT: u32 = 0x88;
/// Track type of audio.
const AUDIO: u64 = 2;
/// Maximum number of elements that are scanned on one level.
pub(crate) const ELEMENTS: usize = 64;

/// Returns the number of the first default audio track of a file that begins at `start`. `None`: there is none, or the
/// file is no Matroska file.
pub(crate) fn default_track<F: Read + Seek>(file: &mut F, start: u64) -> io::Result<Option<u32>> {
    const EBML: u32 = 0x1a45_dfa3;
    let Some((EBML, body, Some(size))) = element(file, start)? else { return Ok(None) };
    let Some((SEGMENT, mut at, _)) = element(file, body.saturating_add(size))? else { return Ok(None) };
    for _ in 0..ELEMENTS {
        match element(file, at)? {
            Some((TRACKS, body, Some(size))) => return in_tracks(file, body, body.saturating_add(size)),
            None | Some((CLUSTER, ..) | (_, _, None)) => break,
            Some((_, body, Some(size))) => at = body.saturating_add(size),
        }
    }
    Ok(None)
}

/// Returns the number of the first default audio track between two offsets of the `Tracks` element.
fn in_tracks<F: Read + Seek>(file: &mut F, mut at: u64, end: u64) -> io::Result<Option<u32>> {
    for _ in 0..ELEMENTS {
        let Some((name, body, Some(size))) = element(file, at)?.filter(|_| at < end) else { break };
        at = body.saturating_add(size);
        if name == TRACK
            && let Some(number) = default_audio(file, body, at)?
        {
            return Ok(Some(number));
        }
    }
    Ok(None)
}

/// Returns the number of the track between two offsets if it is a default audio track.
fn default_audio<F: Read + Seek>(file: &mut F, mut at: u64, end: u64) -> io::Result<Option<u32>> {
    let (mut number, mut kind, mut is_default) = (None, 0, 1);
    for _ in 0..ELEMENTS {
        let Some((name, body, Some(size))) = element(file, at)?.filter(|_| at < end) else { break };
        match name {
            NUMBER => number = u32::try_from(value(file, body, size)?).ok(),
            KIND => kind = value(file, body, size)?,
            IS_DEFAULT => is_default = value(file, body, size)?,
            _ => {}
        }
        at = body.saturating_add(size);
    }
    Ok(number.filter(|_| kind == AUDIO && is_default == 1))
}

/// Reads the unsigned integer of an element.
fn value<F: Read + Seek>(file: &mut F, body: u64, size: u64) -> io::Result<u64> {
    file.seek(SeekFrom::Start(body))?;
    let mut bytes = Vec::new();
    file.by_ref().take(size.min(8)).read_to_end(&mut bytes)?;
    Ok(number(&bytes))
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// Reads the header of the EBML element at an offset: its ID, the offset of its body, and its size if that is known.
/// `None`: there is no element.
pub(crate) fn element<F: Read + Seek>(file: &mut F, at: u64) -> io::Result<Option<(u32, u64, Option<u64>)>> {
    file.seek(SeekFrom::Start(at))?;
    let mut head = Vec::new();
    file.by_ref().take(12).read_to_end(&mut head)?;
    let width = |byte: Option<&u8>| byte.map(|byte| byte.leading_zeros() as usize + 1);
    let Some(name) = width(head.first()).filter(|width| *width <= 4) else { return Ok(None) };
    let Some(size) = width(head.get(name)).filter(|width| *width <= 8) else { return Ok(None) };
    let (Some(name_bytes), Some(size_bytes)) = (head.get(..name), head.get(name..name + size)) else { return Ok(None) };
    let mask = (1 << (7 * size)) - 1;
    let told = number(size_bytes) & mask;
    let named = u32::try_from(number(name_bytes)).unwrap_or_default();
    Ok(Some((named, at + (name + size) as u64, Some(told).filter(|told| *told != mask))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn element(name: &[u8], body: &[u8]) -> Vec<u8> {
        [name, &[0x80 | u8::try_from(body.len()).unwrap()], body].concat()
    }

    fn track(number: u8, kind: u8, is_default: Option<u8>) -> Vec<u8> {
        let flag = is_default.map_or(Vec::new(), |flag| element(b"\x88", &[flag]));
        element(b"\xae", &[element(b"\xd7", &[number]), element(b"\x83", &[kind]), flag].concat())
    }

    #[test]
    fn a_track_is_a_default_one_unless_it_says_that_it_is_not() {
        for (tracks, right) in [
            (vec![track(1, 2, None), track(2, 2, None)], Some(1)),
            (vec![track(1, 2, Some(0)), track(2, 2, None)], Some(2)),
            (vec![track(1, 2, Some(0)), track(2, 2, Some(1))], Some(2)),
            (vec![track(1, 1, None), track(2, 2, Some(0)), track(3, 17, None)], None),
            (vec![track(1, 1, None), track(9, 2, None)], Some(9)),
            (vec![], None),
        ] {
            let head = element(b"\x1a\x45\xdf\xa3", &element(b"\x42\x82", b"webm"));
            let info = element(b"\x15\x49\xa9\x66", b"");
            let body = [info, element(b"\x16\x54\xae\x6b", &tracks.concat())].concat();
            for segment in [element(b"\x18\x53\x80\x67", &body), [b"\x18\x53\x80\x67\xff", &body[..]].concat()] {
                let file = [&b"tag"[..], &head, &segment].concat();
                assert_eq!(default_track(&mut Cursor::new(&file), 3).unwrap(), right, "{tracks:x?}");
                for end in 0..file.len() {
                    assert!(default_track(&mut Cursor::new(&file[..end]), 3).is_ok());
                }
            }
        }
    }
}
