//! Secrets: minted from the operating system's randomness, or parsed from what a client sent.

use dalston_model::{Entropy, EntropyError};
use std::fmt;
use thiserror::Error;
use zeroize::Zeroizing;

/// Maximum length of a prefix in characters.
const PREFIX: usize = 8;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// The prefix of tickets.
pub(crate) const TICKET: &str = "dt_";
/// Prefixes that keys must not have: those of tickets, proposals and claims.
const RESERVED: [&str; 3] = [TICKET, "dp_", "dc_"];
/// Length of 256 random bits in base 62, and in base64url.
const RANDOM: usize = 43;
/// Length of a CRC-32 in base 62.
const CHECKSUM: usize = 6;
/// Number of characters of a secret that are shown.
const SHOWN: usize = 10;

/// The format of the secrets of a service.
///
/// A secret is a prefix that secret scanners recognise, 43 base62 characters of randomness, and 6 base62 characters of
/// CRC-32 (ISO-HDLC) over everything before them. The format also accepts secrets of the Python gateway: the prefix and
/// 43 base64url characters, without a checksum.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyFormat {
    prefix: KeyPrefix,
}

/// The prefix of the secrets of a service; `dk_` by default.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyPrefix {
    text: [u8; PREFIX],
    length: usize,
}

impl KeyPrefix {
    /// Creates a prefix from a text of at most [`PREFIX`] bytes. A longer text is truncated.
    fn of(prefix: &str) -> Self {
        let mut text = [0; PREFIX];
        let length = text.iter_mut().zip(prefix.bytes()).map(|(slot, byte)| *slot = byte).count();
        Self { text, length }
    }

    /// Returns the prefix as text.
    pub fn as_str(&self) -> &str {
        str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    fn as_bytes(&self) -> &[u8] {
        self.text.get(..self.length).unwrap_or_default()
    }
}

impl Default for KeyPrefix {
    fn default() -> Self {
        Self::of("dk_")
    }
}

impl fmt::Debug for KeyPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The prefix is not 1 to 7 characters of `[a-z0-9]` followed by a `_`, or it is reserved.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("a key prefix is 1 to 7 lower-case letters or digits and an underscore, and not dt_, dp_ or dc_")]
pub struct KeyFormatError;

impl KeyFormat {
    /// Creates the format of secrets with this prefix.
    ///
    /// Never change the prefix of a service that has issued keys: keys with a different prefix are rejected.
    pub fn new(prefix: &str) -> Result<Self, KeyFormatError> {
        let word = prefix.strip_suffix('_').ok_or(KeyFormatError)?;
        let fits = (1..=7).contains(&word.len()) && !RESERVED.contains(&prefix);
        if fits && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) {
            Ok(Self { prefix: KeyPrefix::of(prefix) })
        } else {
            Err(KeyFormatError)
        }
    }

    /// Returns the prefix.
    pub const fn prefix(&self) -> KeyPrefix {
        self.prefix
    }

    /// Returns the format of tickets.
    pub(crate) fn tickets() -> Self {
        Self { prefix: KeyPrefix::of(TICKET) }
    }

    /// Generates a secret of 256 random bits. Fails if the system provides no randomness.
    pub fn mint(&self, entropy: &dyn Entropy) -> Result<PlainKey, EntropyError> {
        let mut random = Zeroizing::new([0_u8; 32]);
        entropy.fill(&mut *random)?;
        let mut text = Zeroizing::new(String::with_capacity(PREFIX + RANDOM + CHECKSUM));
        text.push_str(self.prefix.as_str());
        text.push_str(&base62_of_256_bits(&random));
        let checksum = base62_of_u32(crc32fast::hash(text.as_bytes()));
        text.extend(checksum.map(char::from));
        Ok(PlainKey(text))
    }

    /// Returns the secret if the text has the right format: prefix, length, alphabet and checksum. Does not call the
    /// store.
    pub fn parse(&self, text: &str) -> Option<PlainKey> {
        self.check(text.as_bytes()).map(|_| PlainKey(Zeroizing::new(text.to_owned())))
    }

    /// Returns whether the text contains such a secret.
    pub fn is_within(&self, text: &str) -> bool {
        text.match_indices(self.prefix.as_str()).any(|(at, prefix)| {
            let fits = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
            let length = text.as_bytes()[at + prefix.len()..].iter().take_while(|b| fits(b)).count();
            let with =
                |length: usize| text.get(at..at + prefix.len() + length).and_then(|text| self.check(text.as_bytes()));
            // A secret with a checksum is recognised whatever follows it. One without a checksum is recognised only if
            // no character of its alphabet follows.
            with(length).or_else(|| with(length.min(RANDOM + CHECKSUM))).is_some()
        })
    }

    /// Like [`KeyFormat::parse`], without a copy: for a secret that a client presents.
    pub fn check<'a>(&self, text: &'a [u8]) -> Option<PresentedKey<'a>> {
        let body = text.strip_prefix(self.prefix.as_bytes())?;
        let sound = match body.len() {
            RANDOM => body.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')),
            // No early exit: so the loop is vectorised, sixteen bytes at a time.
            49 if body.iter().fold(true, |sound, byte| sound & byte.is_ascii_alphanumeric()) => {
                let (covered, checksum) = text.split_at(text.len() - CHECKSUM);
                base62_of_u32(crc32fast::hash(covered)) == checksum
            }
            _ => false,
        };
        sound.then_some(PresentedKey(text))
    }
}

/// A secret in clear text, which exists in memory only and is wiped when dropped.
///
/// It implements neither `Display` nor `Serialize` nor `Clone`.
pub struct PlainKey(Zeroizing<String>);

impl PlainKey {
    /// Returns the text. This is the only access to it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns the first 10 characters, for display.
    pub fn prefix(&self) -> &str {
        &self.0[..SHOWN.min(self.0.len())]
    }
}

/// A secret of the right format, borrowed from the head of a request. Its only use is to compute its digest.
#[derive(Clone, Copy)]
pub struct PresentedKey<'a>(&'a [u8]);

impl<'a> From<&'a PlainKey> for PresentedKey<'a> {
    fn from(key: &'a PlainKey) -> Self {
        Self(key.0.as_bytes())
    }
}

impl PresentedKey<'_> {
    pub(crate) const fn as_bytes(&self) -> &[u8] {
        self.0
    }
}

/// Shows the prefix only.
impl fmt::Debug for PlainKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PlainKey({}…)", self.prefix())
    }
}

/// Encodes a 256-bit number as 43 digits of base 62: 62⁴³ is just above 2²⁵⁶.
fn base62_of_256_bits(bytes: &[u8; 32]) -> Zeroizing<String> {
    let mut number = Zeroizing::new([0_u32; 8]);
    for (limb, chunk) in number.iter_mut().zip(bytes.chunks_exact(4)) {
        *limb = chunk.iter().fold(0, |limb, byte| (limb << 8) | u32::from(*byte));
    }
    let mut digits = Zeroizing::new([0_u8; RANDOM]);
    for digit in digits.iter_mut().rev() {
        let mut rest = 0_u64;
        for limb in number.iter_mut() {
            let value = (rest << 32) | u64::from(*limb);
            // The quotient of a number below 62 · 2³² fits in a limb.
            *limb = u32::try_from(value / 62).unwrap_or_default();
            rest = value % 62;
        }
        *digit = base62_digit(rest);
    }
    Zeroizing::new(digits.iter().map(|digit| char::from(*digit)).collect())
}

fn base62_of_u32(number: u32) -> [u8; CHECKSUM] {
    let mut digits = [b'0'; CHECKSUM];
    let mut rest = u64::from(number);
    for digit in digits.iter_mut().rev() {
        *digit = base62_digit(rest % 62);
        rest /= 62;
    }
    digits
}

fn base62_digit(value: u64) -> u8 {
    usize::try_from(value).ok().and_then(|index| BASE62.get(index)).copied().unwrap_or(b'0')
}

#[cfg(test)]
mod tests {
    use super::*;
    use dalston_model::SeededEntropy;
    use proptest::prelude::*;

    fn shape(text: &str) -> bool {
        text.len() == 52 && text.starts_with("dk_") && text[3..].bytes().all(|b| b.is_ascii_alphanumeric())
    }

    #[test]
    fn secrets_have_one_shape_and_parse() {
        let (format, entropy) = (KeyFormat::default(), SeededEntropy::new(1));
        for _ in 0..20_000 {
            let key = format.mint(&entropy).unwrap();
            assert!(shape(key.expose()), "KEY-01");
            assert!(format.parse(key.expose()).is_some());
        }
    }

    #[test]
    fn the_number_is_written_whole() {
        assert_eq!(&*base62_of_256_bits(&[0; 32]), &"0".repeat(43));
        let mut one = [0; 32];
        one[31] = 61;
        assert_eq!(&*base62_of_256_bits(&one), &format!("{}z", "0".repeat(42)));
        // 2²⁵⁶ - 1, computed independently with arbitrary precision.
        assert_eq!(&*base62_of_256_bits(&[255; 32]), "yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1");
    }

    #[test]
    fn secrets_of_the_python_gateway_keep_their_shape() {
        let format = KeyFormat::default();
        assert!(format.parse(&format!("dk_{}", "aZ0-_".repeat(9).get(..43).unwrap())).is_some());
        for wrong in ["dk_", "dk_invalid", &format!("dk_{}", "a".repeat(42)), &format!("dk_{}", "a".repeat(44))] {
            assert!(format.parse(wrong).is_none(), "{wrong}");
        }
        assert!(format.parse(&format!("secret-token:dk_{}", "a".repeat(43))).is_none(), "KEY-13");
    }

    #[test]
    fn a_prefix_that_means_something_else_is_refused() {
        for taken in ["dt_", "dp_", "dc_", "", "_", "Dk_", "dk", "toolong_x_", "abcdefgh_"] {
            assert!(KeyFormat::new(taken).is_err(), "{taken}");
        }
        assert!(KeyFormat::new("dta_").is_ok());
    }

    #[test]
    fn debug_shows_the_prefix_only() {
        let key = KeyFormat::default().mint(&SeededEntropy::new(3)).unwrap();
        let shown = format!("{key:?}");
        assert!(shown.contains(key.prefix()) && !shown.contains(&key.expose()[10..20]), "KEY-03");
    }

    proptest! {
        #[test]
        fn one_changed_character_is_noticed(seed: u64, at in 3_usize..52, other in "[0-9A-Za-z]") {
            let format = KeyFormat::default();
            let key = format.mint(&SeededEntropy::new(seed)).unwrap();
            let mut text = key.expose().to_owned();
            text.replace_range(at..=at, &other);
            prop_assert_eq!(format.parse(&text).is_some(), text == key.expose());
        }

        #[test]
        fn whatever_is_sent_parses_or_not_and_never_panics(text in "\\PC{0,80}") {
            let _ = KeyFormat::default().parse(&text);
        }
    }
}
