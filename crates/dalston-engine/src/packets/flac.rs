//! Packet durations of FLAC (RFC 9639, 9.1).

/// The default of frames whose header does not state a sample rate.
pub(crate) struct Flac {
    rate: u32,
}

/// A frame header.
struct FlacFrameHeader {
    /// Length in bytes.
    length: usize,
    frames: u32,
    /// `None`: the rate of the stream.
    rate: Option<u32>,
}

impl Flac {
    /// Parses the `STREAMINFO` block. Decoders prefer its sample rate to that of the container (`rate`).
    pub(super) fn of(info: &[u8], rate: u32) -> Self {
        let own = info.get(10..13).map(|bytes| bytes.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)) >> 4);
        Self { rate: own.filter(|own| *own > 0).unwrap_or(rate) }
    }

    /// Returns the duration in seconds of all frames of a packet, which in general has one.
    pub(super) fn seconds(&self, packet: &[u8]) -> Option<f64> {
        let (mut seconds, mut at) = (None, 0);
        while let Some(next) = packet.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == 0xff)) {
            at += next;
            match header(packet.get(at..).unwrap_or_default()) {
                Some(header) => {
                    let rate = header.rate.filter(|rate| *rate > 0).unwrap_or(self.rate);
                    seconds = Some(seconds.unwrap_or(0.0) + f64::from(header.frames) / f64::from(rate));
                    at += header.length;
                }
                None => at += 1,
            }
        }
        seconds
    }
}

/// Parses the frame header at the beginning of these bytes. Its checksum and reserved bits make a false match unlikely.
fn header(bytes: &[u8]) -> Option<FlacFrameHeader> {
    let [0xff, sync, sizes, format, coded, ..] = *bytes else { return None };
    if sync & 0xfe != 0xf8 || format & 1 != 0 || format >> 4 > 10 || format >> 1 & 7 == 3 {
        return None;
    }
    // The coded number: its length in bytes is the number of leading ones of its first byte.
    let number = match coded.leading_ones() {
        0 => 1,
        ones @ 2..=7 => ones as usize,
        _ => return None,
    };
    let mut length = 4 + number;
    let mut more = |width: usize| {
        let value = bytes.get(length..length + width)?.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
        length += width;
        Some(value)
    };
    let frames = match sizes >> 4 {
        0 => return None,
        1 => 192,
        size @ 2..=5 => 576 << (size - 2),
        6 => more(1)? + 1,
        7 => more(2)? + 1,
        size => 256 << (size - 8),
    };
    let rate = match sizes & 15 {
        12 => Some(more(1)? * 1_000),
        13 => Some(more(2)?),
        14 => Some(more(2)? * 10),
        15 => return None,
        code => rate(code),
    };
    let (head, sum) = (bytes.get(..length)?, *bytes.get(length)?);
    (crc(head) == sum).then_some(FlacFrameHeader { length: length + 1, frames, rate })
}

const fn rate(code: u8) -> Option<u32> {
    Some(match code {
        1 => 88_200,
        2 => 176_400,
        3 => 192_000,
        4 => 8_000,
        5 => 16_000,
        6 => 22_050,
        7 => 24_000,
        8 => 32_000,
        9 => 44_100,
        10 => 48_000,
        11 => 96_000,
        _ => return None,
    })
}

/// Computes the CRC-8 of a header.
fn crc(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ byte, |sum: u8, _| if sum & 0x80 == 0 { sum << 1 } else { sum << 1 ^ 0x07 })
    })
}
