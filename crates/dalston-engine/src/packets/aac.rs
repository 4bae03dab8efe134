//! Packet durations of AAC: all packets have the same number of frames.

/// What a packet's duration depends on, from the decoder configuration (ISO/IEC 14496-3, 1.6.2).
pub(crate) struct Aac {
    frames: f64,
    rate: f64,
}

/// The beginning of an `AudioSpecificConfig`.
struct Config {
    /// Audio object type: 2 is LC; 5 and 29 (HE-AAC) add bands to a core.
    kind: u32,
    /// Sampling frequency index, and the explicit frequency if the index is [`OWN`].
    index: u32,
    own: u32,
    channels: u32,
    is_short: bool,
}

/// Sampling frequency index that means: an explicit frequency follows.
const OWN: u32 = 15;

impl Config {
    fn of(config: &[u8]) -> Self {
        let mut head = [0; 8];
        head.iter_mut().zip(config).for_each(|(to, from)| *to = *from);
        let mut bits = Bits(u64::from_be_bytes(head));
        let mut kind = bits.take(5);
        if kind == 31 {
            kind = 32 + bits.take(6);
        }
        let rate = |bits: &mut Bits| {
            let index = bits.take(4);
            (index, if index == OWN { bits.take(24) } else { 0 })
        };
        let (index, own) = rate(&mut bits);
        let channels = bits.take(4);
        if matches!(kind, 5 | 29) {
            // Skip the sampling frequency of the extended bands, and the object type of the core.
            rate(&mut bits);
            bits.take(5);
        }
        // Only these object types have the frame length flag here.
        let is_short = matches!(kind, 1..=5 | 29) && channels > 0 && bits.take(1) == 1;
        Self { kind, index, own, channels, is_short }
    }

    fn rate(&self) -> u32 {
        match self.index {
            OWN => self.own,
            index => RATES.get(usize::try_from(index).unwrap_or(usize::MAX)).copied().unwrap_or(0),
        }
    }
}

/// Returns the configuration of the LC core of LC and HE-AAC, which is all that is decoded here: the bands that HE-AAC
/// adds lie above a voice. `None`: there is no LC core, or its channels are described elsewhere.
pub(crate) fn core(config: &[u8]) -> Option<Vec<u8>> {
    let Config { kind, index, own, channels, is_short } = Config::of(config);
    if !matches!(kind, 2 | 5 | 29) || channels == 0 {
        return None;
    }
    let rate = if index == OWN { (u64::from(own), 24) } else { (0, 0) };
    let fields = [(2, 5), (u64::from(index), 4), rate, (u64::from(channels), 4), (u64::from(is_short), 1), (0, 2)];
    let (bits, count) =
        fields.into_iter().fold((0, 0), |(bits, count), (value, width)| (bits << width | value, count + width));
    let length = usize::try_from(count).unwrap_or_default() / 8;
    Some((bits << (64 - count)).to_be_bytes()[..length].to_vec())
}

impl Aac {
    /// Parses the decoder configuration. Decoders use its sample rate; `rate`, of the container, is used if it has
    /// none. For HE-AAC both rate and frames are those of the core. `None`: the packets of other object types have
    /// other lengths.
    pub(super) fn of(config: &[u8], rate: u32) -> Option<Self> {
        let config = Config::of(config);
        if !matches!(config.kind, 0..=5 | 29) {
            return None;
        }
        let own = Some(config.rate()).filter(|own| config.kind > 0 && *own > 0);
        let frames = if config.is_short { 960.0 } else { 1_024.0 };
        Some(Self { frames, rate: f64::from(own.unwrap_or(rate)) })
    }

    /// Returns the duration of a packet in seconds.
    pub(super) fn seconds(&self, packet: &[u8]) -> f64 {
        if packet.is_empty() { 0.0 } else { self.frames / self.rate }
    }
}

/// Sample rates by sampling frequency index.
const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// Reads bits, most significant first.
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
            // HE-AAC: core rate 22,050.
            (&[0x2b, 0x92, 0x08, 0x00], 1_024.0 / 22_050.0),
            // An explicit rate, 12,345.
            (&[0x17, 0x80, 0x18, 0x1c, 0x88], 1_024.0 / 12_345.0),
            // A reserved sampling frequency index.
            (&[0x16, 0x88], 1_024.0 / 1_000.0),
        ] {
            let right = Aac::of(config, 1_000).unwrap().seconds(&[0]);
            assert!((right - seconds).abs() < 1e-9, "{config:x?}: {right} for {seconds}");
        }
        assert!(Aac::of(&[0xf8, 0xe8, 0x50, 0x00], 1_000).is_none(), "ELD");
    }

    #[test]
    fn the_core_is_what_is_decoded() {
        for (config, right) in [
            (&[0x14, 0x08][..], Some(&[0x14, 0x08][..])),
            // The extension of HE-AAC is signalled behind the core.
            (&[0x14, 0x08, 0x56, 0xe5, 0x98], Some(&[0x14, 0x08])),
            // HE-AAC of 24,000 and 48,000; with parametric stereo; and with an explicit rate.
            (&[0x2b, 0x09, 0x88, 0x00], Some(&[0x13, 0x08])),
            (&[0xeb, 0x09, 0x88, 0x00], Some(&[0x13, 0x08])),
            (&[0x2f, 0x80, 0x18, 0x1c, 0x89, 0x88, 0x00], Some(&[0x17, 0x80, 0x18, 0x1c, 0x88])),
            // Packets of 960 frames.
            (&[0x14, 0x0c], Some(&[0x14, 0x0c])),
            // LTP; ELD; channels described elsewhere; empty.
            (&[0x24, 0x08], None),
            (&[0xf8, 0xe8, 0x50, 0x00], None),
            (&[0x14, 0x00], None),
            (&[], None),
        ] {
            assert_eq!(core(config).as_deref(), right, "{config:x?}");
        }
    }
}
