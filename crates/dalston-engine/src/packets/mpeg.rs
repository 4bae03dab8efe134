//! Packet durations of MPEG audio, layers I to III. Decoders find frames by their headers, however the container splits
//! them into packets.

/// Bytes of a frame header.
const HEADER: usize = 4;
/// Bit rates in kilobits per second by layer: the first three rows for MPEG-1, the last two for MPEG-2 and 2.5.
const KILOBITS: [[u32; 16]; 5] = [
    [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448, 0],
    [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 0],
    [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0],
    [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256, 0],
    [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0],
];

/// Tracks frame boundaries from packet to packet.
#[derive(Default)]
pub(crate) struct Mpeg {
    /// Bytes of the current frame that are still to come.
    left: usize,
    /// The last bytes of a packet: a header may begin in them.
    tail: Vec<u8>,
}

impl Mpeg {
    /// Returns the duration in seconds of all frames that begin in a packet.
    pub(super) fn seconds(&mut self, packet: &[u8]) -> Option<f64> {
        let (tail, left) = (std::mem::take(&mut self.tail), std::mem::take(&mut self.left));
        if MpegFrame::of(packet).is_some() {
            return self.walk(packet, 0);
        }
        if tail.is_empty() { self.walk(packet, left) } else { self.walk(&[&tail, packet].concat(), 0) }
    }

    /// Counts the frames that begin at `from` or later. The bytes before belong to a frame that was already counted.
    fn walk(&mut self, bytes: &[u8], from: usize) -> Option<f64> {
        let (mut seconds, mut at) = (None, from);
        while let Some(rest) = bytes.get(at..).filter(|rest| rest.len() >= HEADER) {
            let Some(frame) = MpegFrame::of(rest) else {
                at += 1;
                continue;
            };
            seconds = Some(seconds.unwrap_or(0.0) + f64::from(frame.frames) / f64::from(frame.rate));
            at += frame.length.unwrap_or(rest.len());
        }
        self.left = at.saturating_sub(bytes.len());
        self.tail = bytes.get(at..).unwrap_or_default().to_vec();
        seconds.or_else(|| (from > 0).then_some(0.0))
    }
}

/// A frame header.
struct MpegFrame {
    /// Length in bytes. `None`: free bit rate.
    length: Option<usize>,
    frames: u32,
    rate: u32,
}

impl MpegFrame {
    /// Parses the frame header at the beginning of these bytes.
    fn of(bytes: &[u8]) -> Option<Self> {
        let [0xff, kind, rates, _, ..] = *bytes else { return None };
        let (version, layer) = (kind >> 3 & 3, kind >> 1 & 3);
        // MPEG-1 has the full sample rates, MPEG-2 half of them, MPEG-2.5 a quarter.
        let halved = match version {
            3 => 0,
            2 => 1,
            0 => 2,
            _ => return None,
        };
        let (row, frames) = match (layer, halved) {
            (3, 0) => (0, 384),
            (3, _) => (3, 384),
            (2, 0) => (1, 1_152),
            (2, _) => (4, 1_152),
            (1, 0) => (2, 1_152),
            (1, _) => (4, 576),
            _ => return None,
        };
        let rate = [44_100, 48_000, 32_000].get(usize::from(rates >> 2 & 3))? >> halved;
        let code = usize::from(rates >> 4);
        if kind & 0xe0 != 0xe0 || code == 15 {
            return None;
        }
        let bits = KILOBITS[row][code] * 1_000;
        // Layer I measures the length in slots of four bytes.
        let word = if layer == 3 { 4 } else { 1 };
        let length = (frames / 8 / word * bits / rate + u32::from(rates >> 1 & 1)) * word;
        Some(Self { length: if bits > 0 { usize::try_from(length).ok() } else { None }, frames, rate })
    }
}
