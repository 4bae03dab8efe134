//! Packets of ALAC.

/// What the cookie of a stream says of its packets.
pub(crate) struct Alac {
    /// Frames of a packet that does not say how many it has, which none exceeds.
    frames: u32,
    rate: f64,
}

impl Alac {
    /// By a cookie, which older files wrap in atoms. Its rate is what a decoder takes; that of the container is for a
    /// cookie without one.
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

    /// The seconds of a packet: those that all have, or that its first element says.
    pub(super) fn seconds(&self, packet: &[u8]) -> f64 {
        let mut head = [0; 8];
        head.iter_mut().zip(packet).for_each(|(to, from)| *to = *from);
        // Tag, instance, zeros, whether there is a count, and behind three bits more the count.
        let bits = u64::from_be_bytes(head);
        let is_counted = bits >> 44 & 1 == 1;
        let frames = match (bits >> 61, u32::try_from(bits >> 9 & u64::from(u32::MAX))) {
            (0 | 1 | 3, Ok(count)) if is_counted => count.min(self.frames),
            _ => self.frames,
        };
        if packet.is_empty() { 0.0 } else { f64::from(frames) / self.rate }
    }
}
