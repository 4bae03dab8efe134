//! Packet durations of Vorbis (specification I, 4.3): half of the previous block overlaps with half of the current one.

use crate::vorbis::{self, Blocks};

/// Block sizes and modes of a stream, and the state from packet to packet.
pub(crate) struct Vorbis {
    blocks: Blocks,
    /// Whether the previous block was long. `None`: there was none.
    last: Option<bool>,
}

impl Vorbis {
    /// Parses the headers of a stream.
    pub(super) fn of(headers: &[u8]) -> Option<Self> {
        Some(Self { blocks: vorbis::blocks(headers)?, last: None })
    }

    /// Returns the duration of a packet in seconds. The first packet yields no audio.
    pub(super) fn seconds(&mut self, packet: &[u8]) -> Option<f64> {
        let first = u32::from(*packet.first()?) | u32::from(packet.get(1).copied().unwrap_or_default()) << 8;
        if first & 1 == 1 {
            return None;
        }
        let (mode, width) = (first >> 1 & ((1 << self.blocks.width) - 1), self.blocks.width);
        let is_long = *self.blocks.modes.get(usize::try_from(mode).ok()?)?;
        // A long block states the size of the previous block, and decoders rely on it.
        let says_long = is_long && first >> (1 + width) & 1 == 1;
        let before = self.last.replace(is_long);
        let frames = before.map_or(0, |last| (self.frames(is_long) + self.frames(last || says_long)) / 4);
        Some(f64::from(frames) / f64::from(self.blocks.rate))
    }

    const fn frames(&self, is_long: bool) -> u32 {
        if is_long { self.blocks.long } else { self.blocks.short }
    }
}
