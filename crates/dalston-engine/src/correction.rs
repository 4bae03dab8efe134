//! Numbers of a file that are read otherwise than they are stored.

/// Four bytes at a place of the file.
pub(crate) struct Correction {
    at: u64,
    bytes: [u8; 4],
}

impl Correction {
    pub(crate) const fn new(at: u64, bytes: [u8; 4]) -> Self {
        Self { at, bytes }
    }

    /// Puts what is corrected into bytes that were read from there on.
    pub(crate) fn apply(&self, from: u64, bytes: &mut [u8]) {
        for (at, byte) in (self.at..).zip(self.bytes) {
            let place = at.checked_sub(from).and_then(|place| usize::try_from(place).ok());
            if let Some(read) = place.and_then(|place| bytes.get_mut(place)) {
                *read = byte;
            }
        }
    }
}
