//! Parses the block sizes and modes of a Vorbis stream from its headers (specification I, 4.2).

use super::{split, weigh};
use std::io;
use symphonia::core::io::{BitReaderRtl, ReadBitsRtl};

/// The first bytes of an identification header, including its version.
const IDENTIFICATION: &[u8] = b"\x01vorbis\0\0\0\0";
/// Minimum and maximum block size, as powers of two.
const SIZES: std::ops::RangeInclusive<u8> = 6..=13;

/// Block sizes and modes of a stream.
pub(crate) struct Blocks {
    pub(crate) rate: u32,
    /// Frames of a short block and of a long one.
    pub(crate) short: u32,
    pub(crate) long: u32,
    /// For each mode, whether its blocks are long.
    pub(crate) modes: Vec<bool>,
    /// Bits of a mode number.
    pub(crate) width: u32,
}

/// Parses the headers. `None`: they are invalid.
pub(crate) fn blocks(headers: &[u8]) -> Option<Blocks> {
    let (identification, setup) = split(headers)?;
    let identification = identification.strip_prefix(IDENTIFICATION)?;
    let (channels, rate) = identification.split_first()?;
    let rate = u32::from_le_bytes(*rate.first_chunk()?);
    let sizes = *identification.get(17)?;
    let (short, long) = (sizes & 15, sizes >> 4);
    if *channels == 0 || rate == 0 || !SIZES.contains(&short) || !SIZES.contains(&long) {
        return None;
    }
    let modes = modes(setup, u32::from(*channels)).ok()?;
    let width = log(u32::try_from(modes.len()).ok()?.checked_sub(1)?);
    Some(Blocks { rate, short: 1 << short, long: 1 << long, modes, width })
}

/// Parses the modes, which are at the end of the setup header.
fn modes(setup: &[u8], channels: u32) -> io::Result<Vec<bool>> {
    let bits = &mut BitReaderRtl::new(setup);
    if weigh(bits)? {
        return Err(io::ErrorKind::InvalidData.into());
    }
    // Skip the time domain transforms, which are zeros.
    each(bits, |bits| bits.ignore_bits(16))?;
    each(bits, skip_floor)?;
    each(bits, skip_residue)?;
    each(bits, |bits| skip_mapping(bits, channels))?;
    let mut modes = Vec::new();
    each(bits, |bits| {
        modes.push(bits.read_bool()?);
        bits.ignore_bits(16 + 16 + 8)
    })?;
    Ok(modes)
}

/// Reads a list of at most 64 elements, which begins with its length.
fn each<'a>(
    bits: &mut BitReaderRtl<'a>,
    mut read: impl FnMut(&mut BitReaderRtl<'a>) -> io::Result<()>,
) -> io::Result<()> {
    let count = bits.read_bits_leq32(6)? + 1;
    (0..count).try_for_each(|_| read(bits))
}

fn skip_floor(bits: &mut BitReaderRtl<'_>) -> io::Result<()> {
    if bits.read_bits_leq32(16)? == 0 {
        bits.ignore_bits(8 + 16 + 16 + 6 + 8)?;
        let books = bits.read_bits_leq32(4)? + 1;
        return bits.ignore_bits(books * 8);
    }
    let count = bits.read_bits_leq32(5)?;
    let partitions = (0..count).map(|_| bits.read_bits_leq32(4)).collect::<io::Result<Vec<_>>>()?;
    let classes = partitions.iter().max().map_or(0, |most| most + 1);
    let mut dimensions = Vec::new();
    for _ in 0..classes {
        dimensions.push(bits.read_bits_leq32(3)? + 1);
        let subclasses = bits.read_bits_leq32(2)?;
        let master = if subclasses > 0 { 8 } else { 0 };
        bits.ignore_bits(master + (8 << subclasses))?;
    }
    bits.ignore_bits(2)?;
    let width = bits.read_bits_leq32(4)?;
    let class = |number: &u32| dimensions.get(usize::try_from(*number).ok()?);
    let points: u32 = partitions.iter().filter_map(class).sum();
    bits.ignore_bits(points * width)
}

fn skip_residue(bits: &mut BitReaderRtl<'_>) -> io::Result<()> {
    bits.ignore_bits(16 + 24 + 24 + 24)?;
    let classes = bits.read_bits_leq32(6)? + 1;
    bits.ignore_bits(8)?;
    let mut books = 0;
    for _ in 0..classes {
        books += bits.read_bits_leq32(3)?.count_ones();
        if bits.read_bool()? {
            books += bits.read_bits_leq32(5)?.count_ones();
        }
    }
    bits.ignore_bits(books * 8)
}

fn skip_mapping(bits: &mut BitReaderRtl<'_>, channels: u32) -> io::Result<()> {
    bits.ignore_bits(16)?;
    let submaps = if bits.read_bool()? { bits.read_bits_leq32(4)? + 1 } else { 1 };
    if bits.read_bool()? {
        let steps = bits.read_bits_leq32(8)? + 1;
        bits.ignore_bits(steps * 2 * log(channels - 1))?;
    }
    let multiplexed = if submaps > 1 { channels * 4 } else { 0 };
    bits.ignore_bits(2 + multiplexed + submaps * 24)
}

/// Returns the number of bits that a number needs.
const fn log(number: u32) -> u32 {
    u32::BITS - number.leading_zeros()
}
