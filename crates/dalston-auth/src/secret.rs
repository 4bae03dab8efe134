//! Secrets: minted from the operating system's chance, or parsed from what a client sent.

use dalston_model::{Entropy, EntropyError};
use std::fmt;
use thiserror::Error;
use zeroize::Zeroizing;

/// Characters of the longest prefix.
const PREFIX: usize = 8;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// How tickets begin.
pub(crate) const TICKET: &str = "dt_";
/// How keys must not begin: with the marks of tickets, proposals and claims.
const RESERVED: [&str; 3] = [TICKET, "dp_", "dc_"];
/// Characters of 256 random bits in base 62, and in base64url.
const RANDOM: usize = 43;
/// Characters of a CRC-32 in base 62.
const CHECKSUM: usize = 6;
/// Characters that are shown of a secret.
const SHOWN: usize = 10;

/// How the secrets of a service look: a prefix that scanners find, then 43 base62 characters of chance and 6 of
/// CRC-32 (ISO-HDLC) over all that precedes. Secrets of the Python gateway, the prefix and 43 base64url characters
/// without a checksum, have the right shape too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyFormat {
    prefix: KeyPrefix,
}

/// How the secrets of a service begin, `dk_` unless it has a prefix of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyPrefix {
    text: [u8; PREFIX],
    length: usize,
}

impl KeyPrefix {
    /// Of a text of at most [`PREFIX`] bytes; of a longer one its beginning.
    fn of(prefix: &str) -> Self {
        let mut text = [0; PREFIX];
        let length = text.iter_mut().zip(prefix.bytes()).map(|(place, byte)| *place = byte).count();
        Self { text, length }
    }

    /// The text.
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

/// The prefix is not 2 to 8 characters of `[a-z0-9]` and a `_` at the end, or one that is taken.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("a key prefix is 1 to 7 lower-case letters or digits and an underscore, and not dt_, dp_ or dc_")]
pub struct KeyFormatError;

impl KeyFormat {
    /// Secrets that begin with `prefix`.
    pub fn new(prefix: &str) -> Result<Self, KeyFormatError> {
        let word = prefix.strip_suffix('_').ok_or(KeyFormatError)?;
        let fits = (1..=7).contains(&word.len()) && !RESERVED.contains(&prefix);
        if fits && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) {
            Ok(Self { prefix: KeyPrefix::of(prefix) })
        } else {
            Err(KeyFormatError)
        }
    }

    /// How they begin.
    pub const fn prefix(&self) -> KeyPrefix {
        self.prefix
    }

    /// The secrets of tickets.
    pub(crate) fn tickets() -> Self {
        Self { prefix: KeyPrefix::of(TICKET) }
    }

    /// A new secret of 256 bits.
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

    /// The secret, if the text has the shape of one: prefix, length, alphabet, checksum. Asks no store.
    pub fn parse(&self, text: &str) -> Option<PlainKey> {
        self.check(text.as_bytes()).map(|_| PlainKey(Zeroizing::new(text.to_owned())))
    }

    /// Whether a text holds such a secret, wherever in it.
    pub fn is_within(&self, text: &str) -> bool {
        text.match_indices(self.prefix.as_str()).any(|(at, prefix)| {
            let fits = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
            let length = text.as_bytes()[at + prefix.len()..].iter().take_while(|b| fits(b)).count();
            let with =
                |length: usize| text.get(at..at + prefix.len() + length).and_then(|text| self.check(text.as_bytes()));
            // A secret with a checksum is one whatever follows it; without, only if nothing does.
            with(length).or_else(|| with(length.min(RANDOM + CHECKSUM))).is_some()
        })
    }

    /// The same as [`KeyFormat::parse`], without a copy: of a secret that somebody presents.
    pub fn check<'a>(&self, text: &'a [u8]) -> Option<PresentedKey<'a>> {
        let body = text.strip_prefix(self.prefix.as_bytes())?;
        let sound = match body.len() {
            RANDOM => body.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')),
            // All are looked at, whatever the first ones are: so they are looked at sixteen at a time.
            49 if body.iter().fold(true, |sound, byte| sound & byte.is_ascii_alphanumeric()) => {
                let (covered, checksum) = text.split_at(text.len() - CHECKSUM);
                base62_of_u32(crc32fast::hash(covered)) == checksum
            }
            _ => false,
        };
        sound.then_some(PresentedKey(text))
    }
}

/// A secret in the clear: in memory only, wiped when dropped. Neither `Display` nor `Serialize` nor `Clone`.
pub struct PlainKey(Zeroizing<String>);

impl PlainKey {
    /// The text itself: the one way out.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The first 10 characters, for display.
    pub fn prefix(&self) -> &str {
        &self.0[..SHOWN.min(self.0.len())]
    }
}

/// A secret of the right shape where it lies: in the head of a request. Good for a digest, and nothing else.
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

/// The 256-bit number as 43 digits of base 62: 62⁴³ is just above 2²⁵⁶.
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
            // The quotient of a number below 62 · 2³² fits a limb.
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
        // 2²⁵⁶ - 1, worked out with arbitrary precision elsewhere.
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
