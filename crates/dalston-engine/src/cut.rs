//! Files that were cut off, or are followed by other data. Demuxers reject a file whose outermost element extends
//! beyond the file or ends before it, though the rest is readable.

use crate::{
    correction::Correction,
    matroska::{CLUSTER, ELEMENTS, SEGMENT, element},
};
use std::io::{self, Read, Seek, SeekFrom};

/// Maximum number of elements that are scanned. A file with more is read as far as possible.
const PARTS: usize = 1 << 16;

/// Where a file ends according to its headers, and corrections for one that was cut off.
pub(crate) struct Reach {
    /// Claimed end in bytes. Less than the actual end only if no demuxer must read the data behind it.
    pub(crate) end: u64,
    /// Whether the data behind the end may be audio to other programs.
    pub(crate) is_followed: bool,
    pub(crate) corrections: Vec<Correction>,
}

/// Returns the reach of a file of `length` bytes that begins at `start`.
pub(crate) fn reach<F: Read + Seek>(file: &mut F, start: u64, length: u64) -> io::Result<Reach> {
    let mut reach = Reach { end: length, is_followed: false, corrections: Vec::new() };
    let Some(head) = bytes::<8, _>(file, start)? else { return Ok(reach) };
    if head.ends_with(b"ftyp") {
        reach.end = atoms(file, start, length)?.max(length);
    } else if head.starts_with(b"\x1a\x45\xdf\xa3") {
        matroska(file, start, &mut reach)?;
    }
    Ok(reach)
}

/// Returns the offset at which the last atom of an MP4 ends.
fn atoms<F: Read + Seek>(file: &mut F, mut at: u64, length: u64) -> io::Result<u64> {
    for _ in 0..PARTS {
        if at >= length {
            break;
        }
        let Some([a, b, c, d, ..]) = bytes::<8, _>(file, at)? else { break };
        let size = match u32::from_be_bytes([a, b, c, d]) {
            0 => break,
            1 => bytes::<8, _>(file, at + 8)?.map_or(0, u64::from_be_bytes),
            size => u64::from(size),
        };
        at = at.saturating_add(size.max(8));
    }
    Ok(at)
}

/// Finds where the segment of a Matroska file ends. In a file that was cut off, disables the seek head: it refers to
/// elements at the end, which are missing.
fn matroska<F: Read + Seek>(file: &mut F, start: u64, reach: &mut Reach) -> io::Result<()> {
    const PLACES: u32 = 0x114d_9b74;
    /// An element ID that does not exist.
    const NONE: [u8; 4] = [0x11, 0x4d, 0x9b, 0x75];
    let Some((_, body, Some(size))) = element(file, start)? else { return Ok(()) };
    let Some((SEGMENT, mut at, Some(size))) = element(file, body.saturating_add(size))? else { return Ok(()) };
    let end = at.saturating_add(size);
    if end <= reach.end {
        reach.is_followed = !are_zeros(file, end)?;
        reach.end = end;
        return Ok(());
    }
    reach.end = end;
    for _ in 0..ELEMENTS {
        match element(file, at)? {
            None | Some((CLUSTER, ..) | (_, _, None)) => break,
            Some((name, body, Some(size))) => {
                if name == PLACES {
                    reach.corrections.push(Correction::new(at, NONE));
                }
                at = body.saturating_add(size);
            }
        }
    }
    Ok(())
}

/// Whether all bytes from there on are zeros. `false` if there are too many to check.
fn are_zeros<F: Read + Seek>(file: &mut F, from: u64) -> io::Result<bool> {
    const LOOKED_AT: u64 = 1 << 20;
    file.seek(SeekFrom::Start(from))?;
    let mut rest = Vec::new();
    let read = file.by_ref().take(LOOKED_AT).read_to_end(&mut rest)?;
    Ok(rest.iter().all(|byte| *byte == 0) && (read as u64) < LOOKED_AT)
}

/// Reads `COUNT` bytes at an offset. Returns `None` if the file ends before.
pub(crate) fn bytes<const COUNT: usize, F: Read + Seek>(file: &mut F, at: u64) -> io::Result<Option<[u8; COUNT]>> {
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = [0; COUNT];
    match file.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn end(file: &[u8], start: u64) -> (u64, usize) {
        let reach = reach(&mut Cursor::new(file), start, file.len() as u64).unwrap();
        (reach.end, reach.corrections.len())
    }

    #[test]
    fn an_mp4_reaches_as_far_as_its_last_atom_says() {
        let atom = |size: u32, name: &[u8], body: &[u8]| [&size.to_be_bytes(), name, body].concat();
        let ftyp = atom(12, b"ftyp", b"isom");
        let whole = [&ftyp[..], &atom(9, b"moov", b"m"), &atom(1_000, b"mdat", &[0; 992])].concat();
        assert_eq!(whole.len(), 1_021);
        for cut in [1_021, 1_020, 60, 29] {
            assert_eq!(end(&whole[..cut], 0), (1_021, 0), "{cut}");
        }
        let tagged = [b"tag", &whole[..60]].concat();
        assert_eq!(end(&tagged, 3), (1_024, 0));
        let long = [&ftyp[..], &atom(1, b"mdat", &1_000_000_u64.to_be_bytes()), b"sounds"].concat();
        assert_eq!(end(&long, 0), (1_000_012, 0));
        let open = [&ftyp[..], &atom(0, b"mdat", b"sounds")].concat();
        assert_eq!(end(&open, 0), (open.len() as u64, 0));
        let hostile = [&ftyp[..], &atom(1, b"mdat", &u64::MAX.to_be_bytes())].concat();
        assert_eq!(end(&hostile, 0), (u64::MAX, 0));
    }

    #[test]
    fn a_matroska_reaches_as_far_as_its_segment_says_and_is_read_in_order_when_it_does_not() {
        let head = b"\x1a\x45\xdf\xa3\x84\xec\x82\0\0";
        let places = b"\x11\x4d\x9b\x74\x82\xec\x80";
        let file = |size: &[u8], places: &[u8]| {
            [head, &b"\x18\x53\x80\x67"[..], size, places, b"\x1f\x43\xb6\x75\x82"].concat()
        };
        let whole = file(b"\x01\0\0\0\0\0\x01\0", places);
        assert_eq!(end(&whole, 0), (21 + 256, 1));
        assert_eq!(end(&file(b"\x90", places), 0), (30, 1));
        assert_eq!(end(&file(b"\x8c", places), 0), (26, 0), "whole");
        let followed = |behind: &[u8]| {
            let file = [&file(b"\x8c", places), behind].concat();
            let reach = reach(&mut Cursor::new(&file), 0, file.len() as u64).unwrap();
            (reach.end, reach.is_followed)
        };
        assert_eq!(followed(b""), (26, false));
        assert_eq!(followed(&[0; 5_000]), (26, false));
        assert_eq!(followed(&whole), (26, true), "another");
        assert_eq!(followed(&vec![0; 2 << 20]), (26, true), "more than is looked at");
        for live in [&b"\xff"[..], b"\x01\xff\xff\xff\xff\xff\xff\xff"] {
            let file = file(live, places);
            assert_eq!(end(&file, 0), (file.len() as u64, 0), "of no size");
        }
        for end in 0..whole.len() {
            assert!(reach(&mut Cursor::new(&whole[..end]), 0, end as u64).is_ok());
        }
    }
}
