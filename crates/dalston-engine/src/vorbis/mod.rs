//! Checks Vorbis headers: limits the size of the code books, because a few bytes may describe a huge table.

mod blocks;

pub(crate) use blocks::{Blocks, blocks};

use std::io;
use symphonia::core::io::{BitReaderRtl, ReadBitsRtl};

/// The first bytes of a setup header.
const SETUP: &[u8] = b"\x05vorbis";
/// Bytes of an identification header.
const IDENTIFICATION: usize = 30;
/// Sync pattern at the beginning of each code book.
const SYNC: u32 = 0x56_43_42;
/// Maximum number of entries of all code books together, and of numbers in their tables. Encoders use about a third of
/// that.
const ENTRIES: u64 = 96 * 1024;
const NUMBERS: u64 = 2 * 1024 * 1024;

/// Whether the code books in these headers exceed the limits. The headers are identification and setup, or all three
/// with Xiph lacing as in Matroska. Returns `false` for invalid headers, which the decoder rejects.
pub(crate) fn is_excessive(headers: &[u8]) -> bool {
    split(headers).is_some_and(|(_, setup)| weigh(&mut BitReaderRtl::new(setup)).unwrap_or(false))
}

/// Splits the headers into the identification header and the setup header, the latter without its first bytes.
fn split(headers: &[u8]) -> Option<(&[u8], &[u8])> {
    let Some((2, mut laced)) = headers.split_first() else {
        let (identification, rest) = headers.split_at_checked(IDENTIFICATION)?;
        return Some((identification, rest.strip_prefix(SETUP)?));
    };
    // Xiph lacing: the lengths of two headers, each the sum of bytes up to the first below 255.
    let mut before = 0_usize;
    for _ in 0..2 {
        let end = laced.iter().position(|byte| *byte < 255)?;
        let (length, rest) = laced.split_at(end + 1);
        before += length.iter().map(|byte| usize::from(*byte)).sum::<usize>();
        laced = rest;
    }
    Some((laced, laced.get(before..)?.strip_prefix(SETUP)?))
}

/// Reads past the code books. Returns `true`, without reading all of them, if they exceed the limits.
fn weigh(bits: &mut BitReaderRtl<'_>) -> io::Result<bool> {
    let (mut entries, mut numbers) = (0, 0);
    let books = bits.read_bits_leq32(8)? + 1;
    for _ in 0..books {
        if bits.read_bits_leq32(24)? != SYNC {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let dimensions = bits.read_bits_leq32(16)?;
        let count = bits.read_bits_leq32(24)?;
        entries += u64::from(count);
        numbers += u64::from(count) * u64::from(dimensions);
        // Check before reading the rest, which may be as long as it claims.
        if entries > ENTRIES || numbers > NUMBERS {
            return Ok(true);
        }
        skip_lengths(bits, count)?;
        skip_table(bits, count, dimensions)?;
    }
    Ok(false)
}

/// Skips the lengths of the code words.
fn skip_lengths(bits: &mut BitReaderRtl<'_>, count: u32) -> io::Result<()> {
    let is_ordered = bits.read_bool()?;
    if is_ordered {
        bits.ignore_bits(5)?;
        let mut left = count;
        while left > 0 {
            let of_this_length = bits.read_bits_leq32(32 - left.leading_zeros())?;
            left = left.checked_sub(of_this_length).ok_or(io::ErrorKind::InvalidData)?;
        }
        return Ok(());
    }
    let is_sparse = bits.read_bool()?;
    for _ in 0..count {
        if !is_sparse || bits.read_bool()? {
            bits.ignore_bits(5)?;
        }
    }
    Ok(())
}

/// Skips the vector lookup table.
fn skip_table(bits: &mut BitReaderRtl<'_>, count: u32, dimensions: u32) -> io::Result<()> {
    let kind = bits.read_bits_leq32(4)?;
    if kind == 0 {
        return Ok(());
    }
    bits.ignore_bits(64)?;
    let width = bits.read_bits_leq32(4)? + 1;
    bits.ignore_bits(1)?;
    let numbers = if kind == 1 { root(count, dimensions) } else { count * dimensions };
    for _ in 0..numbers {
        bits.ignore_bits(width)?;
    }
    Ok(())
}

/// Returns the greatest integer whose power with exponent `dimensions` is at most `count`.
fn root(count: u32, dimensions: u32) -> u32 {
    let fits = |number: &u32| number.checked_pow(dimensions).is_some_and(|product| product <= count);
    (1..=count).take_while(fits).last().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes bits, least significant first.
    #[derive(Default)]
    struct Bits(Vec<bool>);

    impl Bits {
        fn put(mut self, value: u32, count: u32) -> Self {
            self.0.extend((0..count).map(|bit| value >> bit & 1 == 1));
            self
        }

        /// Writes a code book with this number of ordered entries of one length and a table of one number.
        fn book(self, entries: u32, dimensions: u32) -> Self {
            let length = entries.ilog2();
            let head = self.put(SYNC, 24).put(dimensions, 16).put(entries, 24).put(1, 1).put(length - 1, 5);
            let table = head.put(entries, length + 1).put(1, 4).put(0, 32).put(0, 32).put(0, 4).put(0, 1);
            (0..root(entries, dimensions)).fold(table, |bits, _| bits.put(1, 1))
        }

        fn bytes(&self) -> Vec<u8> {
            let byte = |bits: &[bool]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
            self.0.chunks(8).map(byte).collect()
        }
    }

    fn headers(books: u32, entries: u32, dimensions: u32) -> Vec<u8> {
        let bits = (0..books).fold(Bits::default().put(books - 1, 8), |bits, _| bits.book(entries, dimensions));
        [&[1; IDENTIFICATION], SETUP, &bits.bytes()].concat()
    }

    fn laced(headers: &[u8], comment: usize) -> Vec<u8> {
        let mut laced = vec![2, u8::try_from(IDENTIFICATION).unwrap()];
        laced.extend(std::iter::repeat_n(255, comment / 255));
        laced.push(u8::try_from(comment % 255).unwrap());
        laced.extend(&headers[..IDENTIFICATION]);
        laced.extend(std::iter::repeat_n(b'c', comment));
        laced.extend(&headers[IDENTIFICATION..]);
        laced
    }

    #[test]
    fn books_are_weighed_together_however_they_are_packed() {
        for (books, entries, dimensions, excessive) in [
            (1, 65_536, 2, false),
            (1, 131_072, 31, true),
            (3, 32_768, 1, false),
            (4, 32_768, 1, true),
            (256, 256, 8, false),
            (256, 512, 1, true),
            (8, 8_192, 32, false),
            (9, 8_192, 32, true),
        ] {
            let headers = headers(books, entries, dimensions);
            assert_eq!(is_excessive(&headers), excessive, "{books} of {entries} x {dimensions}");
            for comment in [0, 254, 255, 3_000] {
                assert_eq!(is_excessive(&laced(&headers, comment)), excessive, "{books} of {entries}, laced {comment}");
            }
        }
    }

    #[test]
    fn what_cannot_be_read_is_left_to_the_decoder() {
        let whole = headers(4, 32_768, 1);
        for end in [0, 1, 29, 30, 36, 37, 45] {
            assert!(!is_excessive(&whole[..end]), "{end}");
        }
        assert!(!is_excessive(&[2, 255, 255]));
    }
}
