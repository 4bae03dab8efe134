//! Bearer tokens for temporary objects: a client that holds the token may take the object.

use dalston_model::{Entropy, EntropyError, KeyDigest};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Generates a token of `N` random bytes, hex encoded.
pub(crate) fn mint<const N: usize>(entropy: &dyn Entropy) -> Result<String, EntropyError> {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes)?;
    Ok(hex(&bytes))
}

/// Encodes bytes as hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Returns the name under which the store holds the token's object. It contains a digest: the store never receives the
/// token.
pub(crate) fn name(kind: &str, token: &str) -> String {
    format!("{kind}:{}", KeyDigest::new(Sha256::digest(token).into()).to_hex())
}
