//! Tokens that stand for a thing for a while: whoever holds one may take the thing.

use dalston_model::{Entropy, EntropyError, KeyDigest};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// A token of `N` random bytes, as hex digits.
pub(crate) fn mint<const N: usize>(entropy: &dyn Entropy) -> Result<String, EntropyError> {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes)?;
    Ok(hex(&bytes))
}

/// Bytes as hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // A `String` takes whatever is written.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The name of what a token stands for: the store never sees the token itself.
pub(crate) fn name(kind: &str, token: &str) -> String {
    format!("{kind}:{}", KeyDigest::new(Sha256::digest(token).into()).to_hex())
}
