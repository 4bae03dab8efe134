//! From a secret to its digest: SHA-256, or HMAC-SHA-256 with a pepper.
//!
//! A plain hash is enough for 256 random bits, and the look-up needs the same digest each time: no salt.

use crate::PresentedKey;
use dalston_model::KeyDigest;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::Zeroizing;

/// The key of the HMAC: whoever has the database alone cannot even test a guess.
pub struct Pepper(Zeroizing<String>);

impl Pepper {
    /// From the setting.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

/// Shows nothing.
impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper(…)")
    }
}

/// The length of a block of SHA-256, in bytes.
const BLOCK: usize = 64;

/// Makes digests.
#[derive(Clone)]
pub struct Digester(Option<Hmac<Sha256>>);

impl Digester {
    /// The mark of all that have no pepper.
    pub(crate) const UNPEPPERED: &str = "none";

    /// With the pepper, if there is one.
    pub fn new(pepper: Option<&Pepper>) -> Self {
        Self(pepper.map(|pepper| Hmac::new(&block(pepper.0.as_bytes()).into())))
    }

    /// What tells one pepper from another and shows nothing of it.
    pub(crate) fn mark(&self) -> String {
        const SAMPLE: &[u8] = b"the pepper that the keys of this store are digested with";
        self.0.as_ref().map_or_else(
            || Self::UNPEPPERED.to_owned(),
            |hmac| KeyDigest::new(hmac.clone().chain_update(SAMPLE).finalize().into_bytes().into()).to_hex(),
        )
    }

    /// The digest of the whole secret.
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
        // printf 'dk_aaa…' | sha256sum, and openssl dgst -hmac pepper.
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
