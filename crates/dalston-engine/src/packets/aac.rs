//! Packets of AAC, which hold as many frames each.

/// What the headers of a stream say of its packets (ISO/IEC 14496-3, 1.6.2).
pub(crate) struct Aac {
    frames: f64,
    rate: f64,
}

impl Aac {
    /// By the configuration of the decoder, whose rate is what it takes; that of the container is for a stream without
    /// one. In HE-AAC it is the rate of the core, of which a packet has as many frames.
    pub(super) fn of(config: &[u8], rate: u32) -> Self {
        let mut head = [0; 8];
        head.iter_mut().zip(config).for_each(|(to, from)| *to = *from);
        let mut bits = Bits(u64::from_be_bytes(head));
        let mut kind = bits.take(5);
        if kind == 31 {
            kind = 32 + bits.take(6);
        }
        let told = match bits.take(4) {
            15 => bits.take(24),
            index => RATES.get(usize::try_from(index).unwrap_or(usize::MAX)).copied().unwrap_or(0),
        };
        let channels = bits.take(4);
        // Only these have the flag here: in others the core comes first.
        let is_short = matches!(kind, 1..=4) && channels > 0 && bits.take(1) == 1;
        let rate = if kind > 0 && told > 0 { told } else { rate };
        Self { frames: if is_short { 960.0 } else { 1_024.0 }, rate: f64::from(rate) }
    }

    /// The seconds of a packet.
    pub(super) fn seconds(&self, packet: &[u8]) -> f64 {
        if packet.is_empty() { 0.0 } else { self.frames / self.rate }
    }
}

/// Frames a second, by their number.
const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// Bits that are read from the highest on.
struct Bits(u64);

impl Bits {
    fn take(&mut self, count: u32) -> u32 {
        let taken = self.0 >> (64 - count);
        self.0 <<= count;
        u32::try_from(taken).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_as_long_as_the_configuration_says() {
        for (config, seconds) in [
            (&[][..], 1_024.0 / 1_000.0),
            (&[0x14, 0x08], 1_024.0 / 16_000.0),
            (&[0x14, 0x0c], 960.0 / 16_000.0),
            (&[0x12, 0x10], 1_024.0 / 44_100.0),
            // HE-AAC: a core of 22,050.
            (&[0x2b, 0x92, 0x08, 0x00], 1_024.0 / 22_050.0),
            // A rate of its own, 12,345.
            (&[0x17, 0x80, 0x18, 0x1c, 0x88], 1_024.0 / 12_345.0),
            // A number that stands for none.
            (&[0x16, 0x88], 1_024.0 / 1_000.0),
        ] {
            let right = Aac::of(config, 1_000).seconds(&[0]);
            assert!((right - seconds).abs() < 1e-9, "{config:x?}: {right} for {seconds}");
        }
    }
}
