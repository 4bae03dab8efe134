//! Packet durations of ALAC.

/// What a packet's duration depends on, from the magic cookie of the stream.
pub(crate) struct Alac {
    /// Frames of a packet that does not state its own number; also the maximum.
    frames: u32,
    rate: f64,
}

impl Alac {
    /// Parses a magic cookie; older files wrap it in atoms. Decoders use its sample rate; `rate`, of the container, is
    /// used if it has none.
    pub(super) fn of(mut cookie: &[u8], rate: u32) -> Option<Self> {
        for atom in [b"frma", b"alac"] {
            if cookie.get(4..8) == Some(&atom[..]) {
                cookie = cookie.get(12..)?;
            }
        }
        let word = |at: usize| cookie.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
        let rate = word(20).filter(|rate| *rate > 0).unwrap_or(rate);
        Some(Self { frames: word(0)?, rate: f64::from(rate) })
    }

    /// Returns the duration of a packet in seconds: from its first element if that states a number of frames, else from
    /// the cookie.
    pub(super) fn seconds(&self, packet: &[u8]) -> f64 {
        let mut head = [0; 8];
        head.iter_mut().zip(packet).for_each(|(to, from)| *to = *from);
        // Element tag, instance, zeros, flag whether a frame count is present, three more bits, then the count.
        let bits = u64::from_be_bytes(head);
        let is_counted = bits >> 44 & 1 == 1;
        let frames = match (bits >> 61, u32::try_from(bits >> 9 & u64::from(u32::MAX))) {
            (0 | 1 | 3, Ok(count)) if is_counted => count.min(self.frames),
            _ => self.frames,
        };
        if packet.is_empty() { 0.0 } else { f64::from(frames) / self.rate }
    }
}
