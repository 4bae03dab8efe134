//! AAC without a container (ADTS, ISO/IEC 14496-3, 1.A.2). Each frame has its own header; the demuxer uses only the
//! first.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

/// Bytes of a frame header.
const HEAD: u64 = 7;
/// Maximum number of headers that are checked: those of a day.
const FRAMES: usize = 1 << 23;
/// Bytes behind the last frame that may be tags.
const TAGS: u64 = 64 * 1024;

/// Whether all consecutive frames from `from` to the end of the file (at `length`) have the same sample rate. Also true
/// when the file is no ADTS.
pub(crate) fn has_one_rate<F: Read + Seek>(file: &mut F, from: u64, length: u64) -> io::Result<bool> {
    file.seek(SeekFrom::Start(from))?;
    let mut file = BufReader::with_capacity(16 * 1_024, file);
    let (mut first, mut at) = (None, from);
    for _ in 0..FRAMES {
        let mut head = Vec::new();
        file.by_ref().take(HEAD).read_to_end(&mut head)?;
        let [0xff, kind, rate, length_1, length_2, length_3, _] = *head else { break };
        // Layer 0, which is reserved in MPEG audio.
        if kind & 0xf6 != 0xf0 {
            break;
        }
        let rate = rate >> 2 & 15;
        if *first.get_or_insert(rate) != rate {
            return Ok(false);
        }
        let frame = u32::from(length_1 & 3) << 11 | u32::from(length_2) << 3 | u32::from(length_3 >> 5);
        let Some(body) = i64::from(frame).checked_sub_unsigned(HEAD).filter(|body| *body >= 0) else { break };
        file.seek_relative(body)?;
        at += u64::from(frame);
    }
    Ok(first.is_none() || length.saturating_sub(at) <= TAGS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn frame(rate: u8, body: u8) -> Vec<u8> {
        let length = body + 7;
        [&[0xff, 0xf1, rate << 2, 0, length >> 3, length << 5, 0][..], &vec![0; usize::from(body)]].concat()
    }

    fn asked(file: &[u8], from: usize) -> bool {
        has_one_rate(&mut Cursor::new(file), from as u64, file.len() as u64).unwrap()
    }

    #[test]
    fn another_rate_is_found_wherever_it_begins() {
        let (one, other) = (frame(3, 9), frame(11, 5));
        for (frames, is_one) in [
            (vec![&one, &one], true),
            (vec![&one, &other], false),
            (vec![&other, &other, &other, &one], false),
            (vec![], true),
        ] {
            let bytes = frames.into_iter().flatten().copied().collect::<Vec<_>>();
            for front in [&b""[..], b"in front"] {
                assert_eq!(asked(&[front, &bytes].concat(), front.len()), is_one);
            }
        }
        let cut = &[frame(3, 9), frame(11, 9)].concat()[..18];
        assert!(asked(cut, 0), "a head that is cut off");
        assert!(asked(&[0xff, 0xfb, 0x90, 0, 0, 0, 0, 0], 0), "MP3");
        let long = vec![0; 70_000];
        assert!(asked(&long, 0), "no ADTS");
        assert!(!asked(&[frame(3, 9), long].concat(), 0), "much behind the last frame");
    }
}
