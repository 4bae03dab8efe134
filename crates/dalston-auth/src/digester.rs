//! Digests of secrets: SHA-256, or HMAC-SHA-256 with a pepper.
//!
//! There is no salt: a secret has 256 random bits, so a plain hash is sufficient, and the lookup by digest needs the
//! same digest each time.

use crate::PresentedKey;
use dalston_model::KeyDigest;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::Zeroizing;

/// The HMAC key of the digests. Without it, an attacker who has only the database cannot even verify a guessed secret.
pub struct Pepper(Zeroizing<String>);

impl Pepper {
    /// Creates a pepper from the text of the setting.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

/// Does not show the secret.
impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper(…)")
    }
}

/// Computes the digests of secrets.
#[derive(Clone)]
pub struct Digester(Option<Hmac<Sha256>>);

impl Digester {
    /// The fingerprint of every digester without a pepper.
    pub(crate) const UNPEPPERED: &str = "none";

    /// Creates a digester with the pepper, or with plain SHA-256 without one.
    pub fn new(pepper: Option<&Pepper>) -> Self {
        // HMAC accepts keys of any length, so this error cannot occur. If it did, digests would be computed without a
        // pepper.
        Self(pepper.and_then(|pepper| Hmac::new_from_slice(pepper.0.as_bytes()).ok()))
    }

    /// Returns a fingerprint of the pepper: different for each pepper, and not reversible.
    pub(crate) fn mark(&self) -> String {
        const SAMPLE: &[u8] = b"the pepper that the keys of this store are digested with";
        self.0.as_ref().map_or_else(
            || Self::UNPEPPERED.to_owned(),
            |hmac| KeyDigest::new(hmac.clone().chain_update(SAMPLE).finalize().into_bytes().into()).to_hex(),
        )
    }

    /// Returns the digest of the whole secret, prefix included.
    pub fn digest<'a>(&self, key: impl Into<PresentedKey<'a>>) -> KeyDigest {
        let key = key.into();
        let text = key.as_bytes();
        KeyDigest::new(match &self.0 {
            None => Sha256::digest(text).into(),
            Some(hmac) => hmac.clone().chain_update(text).finalize().into_bytes().into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeyFormat;

    #[test]
    fn digests_are_those_of_other_tools() {
        let key = KeyFormat::default().parse(&format!("dk_{}", "a".repeat(43))).unwrap();
        // Computed with: printf 'dk_aaa…' | sha256sum, and openssl dgst -hmac pepper.
        assert_eq!(Digester::new(None).digest(&key).to_hex(), SHA256);
        let pepper = Pepper::new("pepper".to_owned());
        assert_eq!(Digester::new(Some(&pepper)).digest(&key).to_hex(), HMAC);
        assert_eq!(format!("{pepper:?}"), "Pepper(…)");
    }

    const SHA256: &str = "5184129e79dd0feef7a6558f835ea55dfd1188e3ea6259dc4033de81b45e57f0";
    const HMAC: &str = "c36734e195617fee5dfc17ac83c4f695c200b69384879b7451c0ade9097cd9f7";
}
