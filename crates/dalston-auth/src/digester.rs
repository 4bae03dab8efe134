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

/// The block length of SHA-256, in bytes.
const BLOCK: usize = 64;

/// Computes the digests of secrets.
#[derive(Clone)]
pub struct Digester(Option<Hmac<Sha256>>);

impl Digester {
    /// The fingerprint of every digester without a pepper.
    pub(crate) const UNPEPPERED: &str = "none";

    /// Creates a digester with the pepper, or with plain SHA-256 without one.
    pub fn new(pepper: Option<&Pepper>) -> Self {
        Self(pepper.map(|pepper| Hmac::new(&block(pepper.0.as_bytes()).into())))
    }

    /// Returns a fingerprint of the pepper: different for each pepper, and not reversible.
    pub(crate) fn fingerprint(&self) -> String {
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

/// The key of an HMAC as a whole block of its hash: a longer one is hashed, a shorter one ends with zeros (RFC 2104, §2).
/// A whole block cannot be refused, so no pepper is ever left out.
fn block(key: &[u8]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let hash: [u8; 32];
    let key = if key.len() > BLOCK {
        hash = Sha256::digest(key).into();
        &hash
    } else {
        key
    };
    block[..key.len()].copy_from_slice(key);
    block
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

    #[test]
    fn a_pepper_of_any_length_is_the_key_of_an_hmac() {
        for length in [0, 1, 31, 32, 63, 64, 65, 200, 4_096] {
            let pepper = "p".repeat(length);
            let expected = Hmac::<Sha256>::new_from_slice(pepper.as_bytes()).unwrap().chain_update("x").finalize();
            let Digester(Some(hmac)) = Digester::new(Some(&Pepper::new(pepper))) else { panic!("no pepper") };
            assert_eq!(hmac.chain_update("x").finalize().into_bytes(), expected.into_bytes(), "{length}");
        }
    }

    const SHA256: &str = "5184129e79dd0feef7a6558f835ea55dfd1188e3ea6259dc4033de81b45e57f0";
    const HMAC: &str = "c36734e195617fee5dfc17ac83c4f695c200b69384879b7451c0ade9097cd9f7";
}
