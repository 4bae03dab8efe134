//! What the gateway said of secrets, for a while.

use crate::VerifiedKey;
use dalston_model::{EntropyError, SharedEntropy};
use hmac::{Hmac, KeyInit, Mac};
use quick_cache::sync::Cache;
use sha2::Sha256;
use std::time::Duration;

/// What stands for a secret in memory: its HMAC-SHA-256 under a key of this process.
pub(crate) type Digest = [u8; 32];

/// Answers by the digest of their secret. Accepted and refused secrets have bounds of their own: whoever tries secrets at
/// random displaces no key that is in use.
pub(crate) struct VerifyCache {
    mac: Hmac<Sha256>,
    accepted: Cache<Digest, AcceptedKey>,
    refused: Cache<Digest, Duration>,
}

/// A key that was accepted.
#[derive(Clone)]
struct AcceptedKey {
    key: VerifiedKey,
    /// By the monotonic clock.
    until: Duration,
}

impl VerifyCache {
    /// At most so many accepted secrets, and as many refused ones.
    pub(crate) fn new(entries: usize, entropy: &SharedEntropy) -> Result<Self, EntropyError> {
        let mut secret = [0; 64];
        entropy.fill(&mut secret)?;
        let mac = Hmac::new(&secret.into());
        Ok(Self { mac, accepted: Cache::new(entries), refused: Cache::new(entries) })
    }

    /// What stands for a secret.
    pub(crate) fn digest(&self, secret: &str) -> Digest {
        self.mac.clone().chain_update(secret).finalize().into_bytes().into()
    }

    /// What is known of a secret at this time of the monotonic clock: accepted, or refused.
    pub(crate) fn get(&self, digest: &Digest, at: Duration) -> Option<Result<VerifiedKey, RefusedSecret>> {
        if let Some(AcceptedKey { key, until }) = self.accepted.get(digest)
            && at < until
        {
            return Some(Ok(key));
        }
        self.refused.get(digest).filter(|until| at < *until).map(|_| Err(RefusedSecret))
    }

    /// Remembers that a secret is accepted until then.
    pub(crate) fn accept(&self, digest: Digest, key: VerifiedKey, until: Duration) {
        self.refused.remove(&digest);
        self.accepted.insert(digest, AcceptedKey { key, until });
    }

    /// Remembers that a secret is refused until then.
    pub(crate) fn refuse(&self, digest: Digest, until: Duration) {
        self.accepted.remove(&digest);
        self.refused.insert(digest, until);
    }

    /// Entries of both kinds.
    pub(crate) fn len(&self) -> usize {
        self.accepted.len() + self.refused.len()
    }
}

/// A secret that is refused.
pub(crate) struct RefusedSecret;
