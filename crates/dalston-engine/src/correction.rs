//! Corrections of wrong numbers in file headers, applied while a file is read.

/// Four bytes that replace those at an offset of the file.
pub(crate) struct Correction {
    at: u64,
    bytes: [u8; 4],
}

impl Correction {
    pub(crate) const fn new(at: u64, bytes: [u8; 4]) -> Self {
        Self { at, bytes }
    }

    /// Applies the correction to `bytes`, which were read from offset `from` on.
    pub(crate) fn apply(&self, from: u64, bytes: &mut [u8]) {
        for (at, byte) in (self.at..).zip(self.bytes) {
            let place = at.checked_sub(from).and_then(|place| usize::try_from(place).ok());
            if let Some(read) = place.and_then(|place| bytes.get_mut(place)) {
                *read = byte;
            }
        }
    }
}
