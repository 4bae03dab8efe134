//! Corrections of the sizes in AIFF and CAF headers, as for WAV: placeholders in files that were written into a pipe,
//! and sizes beyond the end of files that were cut off.

use crate::{correction::Correction, cut::bytes};
use std::io::{self, Read, Seek};

/// Maximum number of chunks scanned before the audio.
const CHUNKS: usize = 256;
/// Bytes of a chunk header in AIFF and in CAF.
const AIFF: u64 = 8;
const CAF: u64 = 12;
/// Bytes before the samples of an AIFF that its size includes.
const OFFSETS: u64 = 8;
/// Sizes of an AIFF from here on are placeholders.
const PLACEHOLDER: u64 = 0x7fff_0000;

/// Returns the corrections of a file of `length` bytes that begins at `start`. Empty if it is neither AIFF nor CAF.
pub(crate) fn corrections<F: Read + Seek>(file: &mut F, start: u64, length: u64) -> io::Result<Vec<Correction>> {
    match bytes::<12, _>(file, start)?.as_ref().map(|head| (&head[..4], &head[8..])) {
        Some((b"FORM", b"AIFF" | b"AIFC")) => aiff(file, start, length),
        Some((b"caff", _)) => caf(file, start, length),
        _ => Ok(Vec::new()),
    }
}

fn aiff<F: Read + Seek>(file: &mut F, start: u64, length: u64) -> io::Result<Vec<Correction>> {
    let mut at = start + 12;
    for _ in 0..CHUNKS {
        let (Some(name), Some(size)) = (bytes::<4, _>(file, at)?, bytes::<4, _>(file, at + 4)?) else { break };
        let (size, body) = (u64::from(u32::from_be_bytes(size)), at + AIFF);
        let left = length.saturating_sub(body);
        if &name != b"SSND" {
            at = body + size + (size & 1);
            continue;
        }
        if (OFFSETS..PLACEHOLDER).contains(&size) && size <= left {
            break;
        }
        return Ok([(start + 4, length - start - AIFF), (at + 4, left)].into_iter().map(word).collect());
    }
    Ok(Vec::new())
}

fn caf<F: Read + Seek>(file: &mut F, start: u64, length: u64) -> io::Result<Vec<Correction>> {
    let mut at = start + 8;
    for _ in 0..CHUNKS {
        // A size may exceed the length of any file, and so any offset that can be seeked to.
        if at >= length {
            break;
        }
        let (Some(name), Some(size)) = (bytes::<4, _>(file, at)?, bytes::<8, _>(file, at + 4)?) else { break };
        let (size, body) = (u64::from_be_bytes(size), at + CAF);
        let left = length.saturating_sub(body);
        if &name == b"data" && size > left {
            // The size may also be -1: the rest of the file.
            return Ok([(at + 4, left >> 32), (at + 8, left & 0xffff_ffff)].into_iter().map(word).collect());
        }
        at = body.saturating_add(size);
    }
    Ok(Vec::new())
}

/// Returns a correction that writes a number at an offset.
fn word((at, number): (u64, u64)) -> Correction {
    Correction::new(at, u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// Returns a file as a demuxer sees it, behind a tag of three bytes.
    fn read(file: &[u8]) -> Vec<u8> {
        let mut read = [b"tag", file].concat();
        for correction in corrections(&mut Cursor::new(&read.clone()), 3, read.len() as u64).unwrap() {
            correction.apply(0, &mut read);
        }
        read.split_off(3)
    }

    #[test]
    fn sizes_of_an_aiff_that_cannot_be_are_those_of_the_bytes() {
        let file = |whole: u32, sound: u32| {
            let sound = [&b"SSND"[..], &sound.to_be_bytes(), &[0; 8], b"sounds"].concat();
            [&b"FORM"[..], &whole.to_be_bytes(), b"AIFCCOMM\0\0\0\x02ab", &sound].concat()
        };
        let right = file(36, 14);
        for sound in [0, 7, 15, 2_000_000_000, 0x7fff_0000, 0x7fff_fff8, u32::MAX] {
            for whole in [0, 36, 50, 0x7f00_0050, u32::MAX] {
                assert_eq!(read(&file(whole, sound)), right, "{whole:x} {sound:x}");
            }
        }
        for honest in [right.clone(), file(36, 10), b"FORM\0\0\0\x048SVX".to_vec(), b"FORM".to_vec()] {
            assert_eq!(read(&honest), honest);
        }
        for end in 0..right.len() {
            assert_eq!(read(&right[..end]).len(), end);
        }
    }

    #[test]
    fn sizes_of_a_caf_that_cannot_be_are_those_of_the_bytes() {
        let file = |size: u64| {
            [&b"caff\0\x01\0\0desc\0\0\0\0\0\0\0\x02abdata"[..], &size.to_be_bytes(), b"\0\0\0\0sounds"].concat()
        };
        let right = file(10);
        for size in [11, 1 << 40, u64::MAX] {
            assert_eq!(read(&file(size)), right, "{size:x}");
        }
        assert_eq!(read(&file(4)), file(4), "a size that can be");
        let endless = [&b"caff\0\x01\0\0free"[..], &[0xff; 8], &right[8..]].concat();
        assert_eq!(read(&endless), endless, "another chunk without end");
        for end in 0..right.len() {
            assert_eq!(read(&right[..end]).len(), end);
        }
    }
}
