//! Files that are made, with odd numbers where a grammar has numbers.

use crate::{
    bomb::{aiff, books_of, caf, comment, cookie, identification, laced, mkv, mp4, ogg, wav},
    chance::Chance,
};

const CAF: [&[u8; 4]; 9] = [b"lpcm", b"ima4", b"alac", b"ulaw", b"alaw", b"aac ", b".mp3", b"flac", b"MAC3"];
const WAV: [u16; 10] = [1, 2, 3, 6, 7, 0x11, 0x50, 0x55, 0xff, 0xfffe];
const MKV: [&[u8]; 10] = [
    b"A_VORBIS",
    b"A_ALAC",
    b"A_FLAC",
    b"A_AAC",
    b"A_AAC/MPEG4/LC/SBR",
    b"A_MPEG/L3",
    b"A_PCM/INT/LIT",
    b"A_PCM/INT/BIG",
    b"A_PCM/FLOAT/IEEE",
    b"A_OPUS",
];

/// A file of some format.
pub fn made(chance: &mut Chance) -> Vec<u8> {
    let data = vec![chance.number() as u8; 1 + chance.below(2_048)];
    match chance.below(7) {
        0 => {
            let (codec, bits, flags) = (*chance.pick(&CAF), small(chance, 64), chance.below(8) as u32);
            caf(codec, flags, small(chance, 64), chance_32(chance), small(chance, 64), bits, &data)
        }
        1 => aiff(chance.odd() as u16),
        2 => {
            let codec = *chance.pick(&WAV);
            let more: Vec<u8> = (0..chance.below(48)).map(|_| chance.odd() as u8).collect();
            let block = (chance.odd() as u16).min(8_192);
            wav(codec, small(chance, 16) as u16, block, *chance.pick(&[0, 4, 8, 16, 24, 32, 64]), &more)
        }
        3 => mp4(&cookie(chance_32(chance), chance.odd() as u8), small(chance, 16), small(chance, 64)),
        4 => {
            let private = match chance.below(4) {
                0 => cookie(chance_32(chance), small(chance, 8) as u8),
                1 => laced(1 + chance.below(256) as u32),
                2 => Vec::new(),
                _ => data,
            };
            let codec = *chance.pick(&MKV);
            mkv(codec, &private, small(chance, 8))
        }
        5 => {
            let books = 1 + chance.below(256) as u32;
            let setup = books_of(books, 1 + chance.below(17) as u32, small(chance, 32).max(1));
            ogg(&[&identification(small(chance, 32) as u8), &comment(), &setup])
        }
        // Vorbis in both with books just below what is refused.
        _ => {
            let setup = books_of(1 + chance.below(6) as u32, 10 + chance.below(5) as u32, 1 + chance.below(31) as u32);
            ogg(&[&identification(1), &comment(), &setup])
        }
    }
}

fn chance_32(chance: &mut Chance) -> u32 {
    chance.odd() as u32
}

/// Mostly a number up to this, sometimes any.
fn small(chance: &mut Chance, most: usize) -> u32 {
    if chance.once_in(4) { chance_32(chance) } else { chance.below(most + 1) as u32 }
}
