//! Cache of verification results, by the digest of the secret.

use crate::VerifiedKey;
use dalston_model::{EntropyError, SharedEntropy};
use hmac::{Hmac, KeyInit, Mac};
use quick_cache::sync::Cache;
use sha2::Sha256;
use std::time::Duration;

/// Digest of a secret: HMAC-SHA-256 under a key of this process.
pub(crate) type Digest = [u8; 32];

/// Cached results by digest. Accepted and refused secrets have separate bounds, so that guessing secrets at random
/// evicts no key that is in use.
pub(crate) struct VerifyCache {
    mac: Hmac<Sha256>,
    accepted: Cache<Digest, AcceptedKey>,
    refused: Cache<Digest, Duration>,
}

/// A cached acceptance.
#[derive(Clone)]
struct AcceptedKey {
    key: VerifiedKey,
    /// When the entry expires, on the monotonic clock.
    until: Duration,
}

impl VerifyCache {
    /// Creates a cache for at most `entries` accepted secrets and as many refused ones.
    pub(crate) fn new(entries: usize, entropy: &SharedEntropy) -> Result<Self, EntropyError> {
        let mut secret = [0; 64];
        entropy.fill(&mut secret)?;
        let mac = Hmac::new(&secret.into());
        Ok(Self { mac, accepted: Cache::new(entries), refused: Cache::new(entries) })
    }

    /// The digest of a secret.
    pub(crate) fn digest(&self, secret: &str) -> Digest {
        self.mac.clone().chain_update(secret).finalize().into_bytes().into()
    }

    /// Returns the cached result for a digest at `at` on the monotonic clock; `None` if there is none or it has
    /// expired.
    pub(crate) fn get(&self, digest: &Digest, at: Duration) -> Option<Result<VerifiedKey, RefusedSecret>> {
        if let Some(AcceptedKey { key, until }) = self.accepted.get(digest)
            && at < until
        {
            return Some(Ok(key));
        }
        self.refused.get(digest).filter(|until| at < *until).map(|_| Err(RefusedSecret))
    }

    /// Caches that the secret is accepted, until `until`.
    pub(crate) fn accept(&self, digest: Digest, key: VerifiedKey, until: Duration) {
        self.refused.remove(&digest);
        self.accepted.insert(digest, AcceptedKey { key, until });
    }

    /// Caches that the secret is refused, until `until`.
    pub(crate) fn refuse(&self, digest: Digest, until: Duration) {
        self.accepted.remove(&digest);
        self.refused.insert(digest, until);
    }

    /// The number of entries, accepted and refused.
    pub(crate) fn len(&self) -> usize {
        self.accepted.len() + self.refused.len()
    }
}

/// The cached result of a refused secret.
pub(crate) struct RefusedSecret;
