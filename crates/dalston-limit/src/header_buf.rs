//! Fixed-size buffer for a header value: each response to a limited key carries two, and neither allocates.

/// Capacity in bytes. The longest value is `"key";q=` and `;w=` with two numbers of 20 digits.
const LONGEST: usize = 64;

/// The value of a header, in ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderBuf {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Default for HeaderBuf {
    fn default() -> Self {
        Self { bytes: [0; LONGEST], length: 0 }
    }
}

impl HeaderBuf {
    /// The bytes of the text.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Appends a text. A text that does not fit is left out.
    pub(crate) fn text(mut self, text: &str) -> Self {
        let end = self.length.saturating_add(text.len());
        if let Some(place) = self.bytes.get_mut(self.length..end) {
            place.copy_from_slice(text.as_bytes());
            self.length = end;
        }
        self
    }

    /// Appends a number.
    pub(crate) fn number(self, number: u64) -> Self {
        self.text(itoa::Buffer::new().format(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_numbers_fit() {
        let written = HeaderBuf::default().text("\"key\";q=").number(u64::MAX).text(";w=").number(u64::MAX);
        assert_eq!(written.as_bytes(), format!("\"key\";q={0};w={0}", u64::MAX).as_bytes());
    }
}
