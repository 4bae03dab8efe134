//! Packets of Vorbis (specification I, 4.3): two halves of blocks overlap, the one before and its own.

use crate::vorbis::{self, Blocks};

/// The blocks of a stream.
pub(crate) struct Vorbis {
    blocks: Blocks,
    /// Whether the block before was a long one. `None`: there was none.
    last: Option<bool>,
}

impl Vorbis {
    /// By the headers of a stream.
    pub(super) fn of(headers: &[u8]) -> Option<Self> {
        Some(Self { blocks: vorbis::blocks(headers)?, last: None })
    }

    /// The seconds of a packet. The first one only begins.
    pub(super) fn seconds(&mut self, packet: &[u8]) -> Option<f64> {
        let first = u32::from(*packet.first()?) | u32::from(packet.get(1).copied().unwrap_or_default()) << 8;
        if first & 1 == 1 {
            return None;
        }
        let (mode, width) = (first >> 1 & ((1 << self.blocks.width) - 1), self.blocks.width);
        let is_long = *self.blocks.modes.get(usize::try_from(mode).ok()?)?;
        // A long block says what it follows, and a decoder believes it.
        let says_long = is_long && first >> (1 + width) & 1 == 1;
        let before = self.last.replace(is_long);
        let frames = before.map_or(0, |last| (self.frames(is_long) + self.frames(last || says_long)) / 4);
        Some(f64::from(frames) / f64::from(self.blocks.rate))
    }

    const fn frames(&self, is_long: bool) -> u32 {
        if is_long { self.blocks.long } else { self.blocks.short }
    }
}
