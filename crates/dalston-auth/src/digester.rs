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

/// Makes digests.
#[derive(Clone)]
pub struct Digester(Option<Hmac<Sha256>>);

impl Digester {
    /// The mark of all that have no pepper.
    pub(crate) const UNPEPPERED: &str = "none";

    /// With the pepper, if there is one.
    pub fn new(pepper: Option<&Pepper>) -> Self {
        // HMAC takes keys of any length: the error cannot happen, and would mean no pepper's digest at all.
        Self(pepper.and_then(|pepper| Hmac::new_from_slice(pepper.0.as_bytes()).ok()))
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

    const SHA256: &str = "5184129e79dd0feef7a6558f835ea55dfd1188e3ea6259dc4033de81b45e57f0";
    const HMAC: &str = "c36734e195617fee5dfc17ac83c4f695c200b69384879b7451c0ade9097cd9f7";
}
