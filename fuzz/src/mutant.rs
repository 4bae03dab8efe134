//! A file that is changed where it has structure, and mended where a checksum would give it away.

use crate::{
    bomb::crc,
    chance::Chance,
    layout::{Part, parts},
};
use std::ops::Range;

/// Bytes of a mutant.
const MOST: usize = 64 * 1024;

/// The file with a few changes; `other` lends parts.
pub fn mutant(mut file: Vec<u8>, other: &[u8], chance: &mut Chance) -> Vec<u8> {
    for _ in 0..1 + chance.below(5) {
        let found = parts(&file);
        if found.is_empty() || chance.once_in(6) {
            flip(&mut file, chance);
            continue;
        }
        let part = *chance.pick(&found);
        match chance.below(8) {
            0 => length(&mut file, part, chance),
            1..=3 => field(&mut file, part, chance),
            4 => drop(file.drain(part.start..part.end)),
            5 => {
                let copy = file[part.start..part.end].to_vec();
                insert(&mut file, part.end, &copy);
            }
            6 => {
                let lent = parts(other);
                if !lent.is_empty() {
                    let Part { start, end, .. } = *chance.pick(&lent);
                    insert(&mut file, part.start, &other[start..end]);
                }
            }
            _ => file.truncate(part.start + chance.below(part.end - part.start + 1)),
        }
        file.truncate(MOST);
    }
    if !chance.once_in(4) {
        mend(&mut file);
    }
    file
}

fn insert(file: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    drop(file.splice(at..at, bytes.iter().copied()));
}

fn flip(file: &mut Vec<u8>, chance: &mut Chance) {
    let at = chance.below(file.len());
    match file.get_mut(at) {
        Some(byte) => *byte ^= 1 << chance.below(8),
        None => file.push(chance.number() as u8),
    }
}

/// What the part says of its length is another.
fn length(file: &mut [u8], part: Part, chance: &mut Chance) {
    let (at, width) = part.length;
    put(file, at, width, chance.odd(), chance);
}

/// A number somewhere near the beginning of its body is another.
fn field(file: &mut [u8], part: Part, chance: &mut Chance) {
    let width = *chance.pick(&[1, 2, 3, 4, 8]);
    let body = part.end - part.start;
    let near = if chance.once_in(3) { body } else { body.min(64) };
    let at = part.start + chance.below(near + 1);
    put(file, at, width, chance.odd(), chance);
}

fn put(file: &mut [u8], at: usize, width: usize, value: u64, chance: &mut Chance) {
    let bytes = if chance.once_in(2) { value.to_le_bytes() } else { value.rotate_left(64 - 8 * width as u32).to_be_bytes() };
    let end = (at + width).min(file.len());
    if at < end {
        file[at..end].copy_from_slice(&bytes[..end - at]);
    }
}

/// Right checksums for Ogg pages and FLAC frames.
fn mend(file: &mut [u8]) {
    if file.starts_with(b"OggS") {
        for Part { start, end, .. } in parts(file) {
            sum(file, start + 22..start + 26, start..end, |bytes| crc(bytes, 0x04c1_1db7, 32).to_le_bytes().to_vec());
        }
    }
    if file.starts_with(b"fLaC") {
        for Part { start, end, .. } in parts(file) {
            if file[start] == 0xff && end - start > 8 {
                let head = head(&file[start..end]);
                sum(file, start + head..start + head + 1, start..start + head, |bytes| vec![crc(bytes, 7, 8) as u8]);
                sum(file, end - 2..end, start..end - 2, |bytes| (crc(bytes, 0x8005, 16) as u16).to_be_bytes().to_vec());
            }
        }
    }
}

/// Bytes of the head of a frame of FLAC before its checksum.
fn head(frame: &[u8]) -> usize {
    let number = match frame[4].leading_ones() {
        0 => 1,
        ones => (ones as usize).clamp(1, 7),
    };
    let block = match frame[2] >> 4 {
        6 => 1,
        7 => 2,
        _ => 0,
    };
    let rate = match frame[2] & 15 {
        12 => 1,
        13 | 14 => 2,
        _ => 0,
    };
    (4 + number + block + rate).min(frame.len() - 3)
}

fn sum(file: &mut [u8], at: Range<usize>, over: Range<usize>, make: impl Fn(&[u8]) -> Vec<u8>) {
    if at.end > file.len() || over.end > file.len() {
        return;
    }
    file[at.clone()].fill(0);
    let made = make(&file[over]);
    file[at].copy_from_slice(&made);
}
