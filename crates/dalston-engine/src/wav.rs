//! Corrections of WAV headers. A program that writes a WAV into a pipe does not know the sizes and writes placeholders,
//! so sizes are derived from the length of the file. Chunks before the audio may be malformed, too.

use crate::{correction::Correction, cut::bytes};
use std::io::{self, Read, Seek, SeekFrom};

/// Bytes of a file header and of a chunk header.
const FILE: u64 = 12;
const CHUNK: u64 = 8;
/// Maximum number of chunks scanned before the audio. Recordings do not have more.
const CHUNKS: usize = 256;
/// Bytes behind a malformed chunk in which the next chunk is searched.
const DEPTH: u64 = 64 * 1024;
/// Sizes from here on are placeholders: 2^31 - 1, less the bytes before.
const PLACEHOLDER: u32 = 0x7fff_0000;
/// A size that the demuxer takes for the rest of the file.
const REST: u32 = u32::MAX;

/// Returns the corrections of a file of `length` bytes that begins at `start`. Empty if it is no WAV.
pub(crate) fn corrections<F: Read + Seek>(file: &mut F, start: u64, length: u64) -> io::Result<Vec<Correction>> {
    let Some(head) = bytes::<12, _>(file, start)? else { return Ok(Vec::new()) };
    let is_wav = [b"RIFF", b"RF64", b"BW64"].iter().any(|mark| head.starts_with(*mark)) && head.ends_with(b"WAVE");
    if !is_wav {
        return Ok(Vec::new());
    }
    // The size of the whole file is not needed, and is often wrong.
    let mut corrections = vec![Correction::new(start, *b"RIFF"), Correction::new(start + 4, REST.to_le_bytes())];
    let (mut at, mut is_described) = (start + FILE, false);
    for _ in 0..CHUNKS {
        let Some((name, size)) = chunk(file, at)? else { break };
        let (body, left) = (at + CHUNK, length.saturating_sub(at + CHUNK));
        let is_honest = u64::from(size) <= left;
        match &name {
            b"data" => {
                let is_told = size > 0 && size < PLACEHOLDER && is_honest;
                let size = if is_told { size } else { u32::try_from(left).unwrap_or(REST) };
                corrections.push(Correction::new(at + 4, size.to_le_bytes()));
                break;
            }
            // Hide `LIST` chunks from the demuxer: we do not need them, and they may be malformed.
            b"LIST" => corrections.push(Correction::new(at, *b"JUNK")),
            b"fmt " => is_described = true,
            _ => {}
        }
        at = if is_honest {
            body + u64::from(size) + u64::from(size & 1)
        } else {
            // The size is wrong: derive it from the offset of the next chunk that is needed.
            let Some(found) = find(file, body, if is_described { *b"data" } else { *b"fmt " })? else { break };
            let size = u32::try_from(found - body).unwrap_or(REST);
            corrections.push(Correction::new(at + 4, size.to_le_bytes()));
            found
        };
    }
    Ok(corrections)
}

/// Reads the name and the size of the chunk at an offset.
fn chunk<F: Read + Seek>(file: &mut F, at: u64) -> io::Result<Option<([u8; 4], u32)>> {
    let head = bytes::<8, _>(file, at)?;
    Ok(head.map(|[a, b, c, d, size @ ..]| ([a, b, c, d], u32::from_le_bytes(size))))
}

/// Returns the offset of the chunk with this name. Chunks begin at even offsets.
fn find<F: Read + Seek>(file: &mut F, from: u64, name: [u8; 4]) -> io::Result<Option<u64>> {
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.by_ref().take(DEPTH).read_to_end(&mut bytes)?;
    let at = bytes.chunks_exact(2).zip(bytes.get(2..).unwrap_or_default().chunks_exact(2));
    let at = at.clone().position(|(first, second)| [first, second].concat() == name);
    Ok(at.map(|at| from + at as u64 * 2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn chunk(name: &str, size: u32, body: &[u8]) -> Vec<u8> {
        [name.as_bytes(), &size.to_le_bytes(), body].concat()
    }

    fn file(mark: &str, size: u32, chunks: &[Vec<u8>]) -> Vec<u8> {
        [chunk(mark, size, b"WAVE"), chunk("fmt ", 2, b"\x01\0"), chunks.concat()].concat()
    }

    /// Returns a file as a demuxer sees it.
    fn read(file: &[u8], start: u64) -> Vec<u8> {
        let mut read = file.to_vec();
        for correction in corrections(&mut Cursor::new(file), start, file.len() as u64).unwrap() {
            correction.apply(0, &mut read);
        }
        read
    }

    #[test]
    fn sizes_that_cannot_be_are_those_of_the_bytes() {
        let right = file("RIFF", REST, &[chunk("data", 6, b"sounds")]);
        for mark in ["RIFF", "RF64", "BW64"] {
            for whole in [0, 1, 3, 36, 0x7fff_ffff, 2_000_000_000, REST] {
                for data in [0, 6, 7, 2_000_000_000, 0x7fff_ffd0, 0x7fff_ffff, 0x8000_0000, REST] {
                    let file = file(mark, whole, &[chunk("data", data, b"sounds")]);
                    assert_eq!(read(&file, 0), right, "{mark} {whole:x} {data:x}");
                    let tagged = [&b"tag"[..], &file].concat();
                    assert_eq!(read(&tagged, 3), [&b"tag"[..], &right].concat());
                }
            }
        }
        let less = file("RIFF", REST, &[chunk("data", 4, b"sounds")]);
        assert_eq!(read(&less, 0), less, "a size that can be");
    }

    #[test]
    fn what_is_malformed_in_front_of_the_audio_is_passed_over() {
        let data = chunk("data", 6, b"sounds");
        let inner = chunk("INFO", 0, &chunk("ISFT", 99, b"ab"));
        let length = u32::try_from(inner.len()).unwrap();
        for name in ["LIST", "bext"] {
            for size in [length, length + 200, 0, REST] {
                let behind = file("RIFF", 44, &[chunk(name, size, &inner), data.clone()]);
                let format = chunk("fmt ", 2, b"\x01\0");
                let front = [chunk("RIFF", 44, b"WAVE"), chunk(name, size, &inner), format, data.clone()].concat();
                for file in [behind, front] {
                    assert_eq!(audio(&read(&file, 0)), b"sounds", "{name} {size}");
                }
            }
        }
    }

    /// Returns the audio data, found chunk by chunk as a demuxer does.
    fn audio(file: &[u8]) -> &[u8] {
        let mut rest = &file[12..];
        loop {
            let (head, body) = rest.split_at(8);
            let size = u32::from_le_bytes(*head.last_chunk().unwrap()) as usize;
            assert_ne!(&head[..4], b"LIST");
            if head.starts_with(b"data") {
                return &body[..size];
            }
            rest = &body[size + (size & 1)..];
        }
    }

    #[test]
    fn what_is_no_wav_is_left_alone_and_what_is_cut_off_ends() {
        let wav = file("RIFF", 36, &[chunk("LIST", 4, b"INFO"), chunk("data", 600, b"sounds")]);
        for end in 0..wav.len() {
            let read = read(&wav[..end], 0);
            assert_eq!(read.len(), end);
        }
        for other in [b"RIFF\0\0\0\0AVI LIST".to_vec(), b"WAVE".to_vec(), vec![0; 99]] {
            assert_eq!(read(&other, 0), other);
        }
        let many = file("RIFF", 0, &[chunk("junk", 0, b"").repeat(70_000), chunk("data", 0, b"sounds")]);
        assert_eq!(read(&many, 0)[8..], many[8..], "many chunks");
    }
}
