//! Requests with an idempotency key, which a client may retry.

use crate::{Permit, Right};
use dalston_model::{KeyDigest, Timestamp};
use dalston_store::IdempotencyKey;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// How long an idempotency key is remembered: a day.
const KNOWN: Duration = Duration::from_hours(24);

/// A request that the client may retry (`Idempotency-Key`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotentRequest {
    /// The idempotency key that the client sent, 1 to 255 characters.
    pub key: String,
    /// SHA-256 of the payload, to detect that a key is reused with a different payload.
    pub fingerprint: [u8; 32],
}

impl IdempotentRequest {
    /// Creates the request from its idempotency key and its arguments. The order of the arguments does not change the
    /// fingerprint.
    pub fn of(key: String, arguments: &Map<String, Value>) -> Self {
        let mut sorted = Value::Object(arguments.clone());
        sorted.sort_all_objects();
        Self { key, fingerprint: Sha256::digest(sorted.to_string()).into() }
    }

    /// Returns the idempotency key as the store records it, for one caller and one command. It expires a day after
    /// `now`.
    pub fn claim<R: Right>(&self, permit: &Permit<R>, command: &str, now: Timestamp) -> IdempotencyKey {
        IdempotencyKey {
            scope: format!("{}/{}/{command}", permit.tenant(), permit.actor()),
            // Digested, so that a secret that a client sends here by mistake is not stored in clear text.
            key: KeyDigest::new(Sha256::digest(&self.key).into()).to_hex(),
            fingerprint: self.fingerprint,
            expires_at: now.plus(KNOWN),
        }
    }
}
