//! Tokens that stand for a thing for a while: whoever holds one may take the thing.

use dalston_model::{Entropy, EntropyError, KeyDigest};
use sha2::{Digest, Sha256};

/// A token of `N` random bytes, as hex digits.
pub(crate) fn mint<const N: usize>(entropy: &dyn Entropy) -> Result<String, EntropyError> {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The name of what a token stands for: the store never sees the token itself.
pub(crate) fn name(kind: &str, token: &str) -> String {
    format!("{kind}:{}", KeyDigest::new(Sha256::digest(token).into()).to_hex())
}
