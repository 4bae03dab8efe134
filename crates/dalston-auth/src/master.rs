//! Master keys: one secret of the operator, or two during a rotation.

use crate::KeyFormat;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;

/// The master keys in force, as SHA-256 digests, which all have the same length. Without any, this method of
/// authentication is disabled.
#[derive(Default)]
pub struct MasterKeys(Vec<[u8; 32]>);

/// Why the setting of the master keys was rejected.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum MasterKeyError {
    /// A key is shorter than 32 characters.
    #[error("a master key has at least 32 characters")]
    Short,
    /// There are more than two keys.
    #[error("at most two master keys, separated by a comma, while one replaces the other")]
    Many,
    /// A key contains spaces, control characters or other characters that a header cannot carry.
    #[error("a master key is of visible ASCII characters")]
    Unfit,
    /// A key has the format of an API key.
    #[error("a master key must not look like an API key")]
    KeyShaped,
}

impl MasterKeys {
    /// The minimum length in characters.
    pub const MIN_LENGTH: usize = 32;

    /// Parses one key, or two separated by a comma. `format` is the format of API keys, which a master key must not
    /// have.
    pub fn parse(text: &str, format: &KeyFormat) -> Result<Self, MasterKeyError> {
        let keys: Vec<&str> = text.split(',').map(str::trim).collect();
        if keys.len() > 2 {
            return Err(MasterKeyError::Many);
        }
        for key in &keys {
            if key.len() < Self::MIN_LENGTH {
                return Err(MasterKeyError::Short);
            }
            if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(MasterKeyError::Unfit);
            }
            if format.parse(key).is_some() {
                return Err(MasterKeyError::KeyShaped);
            }
        }
        Ok(Self(keys.iter().map(|key| Sha256::digest(key).into()).collect()))
    }

    /// Returns whether `token` is one of the master keys. The digests are compared in constant time.
    pub fn holds(&self, token: &[u8]) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let digest: [u8; 32] = Sha256::digest(token).into();
        self.0.iter().fold(false, |found, key| found | bool::from(key.ct_eq(&digest)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_or_two_long_keys_are_taken() {
        let format = KeyFormat::default();
        let (old, new) = ("o".repeat(32), "n".repeat(40));
        let keys = MasterKeys::parse(&format!("{old}, {new}"), &format).unwrap();
        assert!(keys.holds(old.as_bytes()) && keys.holds(new.as_bytes()));
        assert!(!keys.holds(b"") && !keys.holds(&[b'x'; 32]));
        let refused = |text: &str| MasterKeys::parse(text, &format).map(|_| ()).unwrap_err();
        assert_eq!(refused(""), MasterKeyError::Short);
        assert_eq!(refused(&format!("{old},")), MasterKeyError::Short);
        assert_eq!(refused(&format!("{old},{old},{new}")), MasterKeyError::Many);
        assert_eq!(refused(&"ö".repeat(32)), MasterKeyError::Unfit);
        assert_eq!(refused(&format!("dk_{}", "a".repeat(43))), MasterKeyError::KeyShaped);
    }

    #[test]
    fn without_a_master_key_nothing_is_one() {
        assert!(!MasterKeys::default().holds(b""), "AUTH-08");
    }
}
