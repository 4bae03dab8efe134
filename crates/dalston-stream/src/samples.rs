//! Decodes the bytes of a stream to samples from -1 to 1.

use crate::Encoding;

/// Decodes samples. A sample may be split between two pieces: its first bytes are kept for the next piece.
pub(crate) struct Samples {
    encoding: Encoding,
    cut: Vec<u8>,
    out: Vec<f32>,
}

impl Samples {
    pub(crate) const fn new(encoding: Encoding) -> Self {
        Self { encoding, cut: Vec::new(), out: Vec::new() }
    }

    /// Returns the samples that are complete with this piece.
    pub(crate) fn read(&mut self, mut bytes: &[u8]) -> &[f32] {
        let width = self.encoding.width();
        self.out.clear();
        if !self.cut.is_empty() {
            let missing = bytes.len().min(width - self.cut.len());
            let (first, rest) = bytes.split_at(missing);
            self.cut.extend_from_slice(first);
            bytes = rest;
            if self.cut.len() < width {
                return &self.out;
            }
            self.out.push(sample(self.encoding, &self.cut));
            self.cut.clear();
        }
        let whole = bytes.chunks_exact(width);
        self.cut.extend_from_slice(whole.remainder());
        self.out.extend(whole.map(|bytes| sample(self.encoding, bytes)));
        &self.out
    }

    /// Discards the first bytes of a split sample.
    pub(crate) fn clear(&mut self) {
        self.cut.clear();
    }
}

/// Decodes one sample. `bytes` has the width of the encoding.
fn sample(encoding: Encoding, bytes: &[u8]) -> f32 {
    match (encoding, bytes) {
        (Encoding::PcmS16Le, &[a, b]) => f32::from(i16::from_le_bytes([a, b])) / 32_768.0,
        (Encoding::PcmF32Le, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
        (Encoding::MuLaw, &[byte]) => f32::from(mulaw(byte)) / 32_768.0,
        (Encoding::ALaw, &[byte]) => f32::from(alaw(byte)) / 32_768.0,
        _ => 0.0,
    }
}

/// Decodes µ-law (ITU-T G.711).
const fn mulaw(byte: u8) -> i16 {
    let byte = !byte;
    let magnitude = ((((byte & 0x0f) as i16) << 3) + 0x84) << ((byte & 0x70) >> 4);
    if byte & 0x80 == 0 { magnitude - 0x84 } else { 0x84 - magnitude }
}

/// Decodes A-law (ITU-T G.711).
const fn alaw(byte: u8) -> i16 {
    let byte = byte ^ 0x55;
    let mantissa = ((byte & 0x0f) as i16) << 4;
    let magnitude = match (byte & 0x70) >> 4 {
        0 => mantissa + 8,
        segment => (mantissa + 0x108) << (segment - 1),
    };
    if byte & 0x80 == 0 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g711_is_that_of_the_standard() {
        // The edges of the tables in the standard.
        for (byte, wanted) in [(0xff, 0), (0x7f, 0), (0x80, 32_124), (0x00, -32_124), (0xef, 132), (0xfe, 8)] {
            assert_eq!(mulaw(byte), wanted, "µ {byte:#x}");
        }
        for (byte, wanted) in [(0xd5, 8), (0x55, -8), (0xaa, 32_256), (0x2a, -32_256), (0xd4, 24)] {
            assert_eq!(alaw(byte), wanted, "A {byte:#x}");
        }
    }

    #[test]
    fn samples_are_the_same_however_they_are_cut() {
        let bytes: Vec<u8> = (0..=255).collect();
        for encoding in Encoding::ALL {
            let whole = Samples::new(encoding).read(&bytes).to_vec();
            assert_eq!(whole.len(), 256 / encoding.width());
            for size in [1, 3, 7] {
                let mut samples = Samples::new(encoding);
                let cut: Vec<f32> = bytes.chunks(size).flat_map(|piece| samples.read(piece).to_vec()).collect();
                let bits = |samples: &[f32]| samples.iter().map(|sample| sample.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&cut), bits(&whole), "{encoding:?} in pieces of {size}");
            }
        }
    }
}
