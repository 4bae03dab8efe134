//! Requests that a client may repeat.

use crate::{Permit, Right};
use dalston_model::{KeyDigest, Timestamp};
use dalston_store::IdempotencyKey;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// A repeated request is known for a day.
const KNOWN: Duration = Duration::from_hours(24);

/// A request that the client may repeat (`Idempotency-Key`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotentRequest {
    /// The client's key, 1 to 255 characters.
    pub key: String,
    /// SHA-256 of the payload.
    pub fingerprint: [u8; 32],
}

impl IdempotentRequest {
    /// A request of these arguments: the same for the same ones, in whatever order they came.
    pub fn of(key: String, arguments: &Map<String, Value>) -> Self {
        let mut sorted = Value::Object(arguments.clone());
        sorted.sort_all_objects();
        Self { key, fingerprint: Sha256::digest(sorted.to_string()).into() }
    }

    /// The claim of it, for one caller and one command.
    pub fn claim<R: Right>(&self, permit: &Permit<R>, command: &str, now: Timestamp) -> IdempotencyKey {
        IdempotencyKey {
            scope: format!("{}/{}/{command}", permit.tenant(), permit.actor()),
            // A digest: whoever sends a secret here by mistake must not find it in the store.
            key: KeyDigest::new(Sha256::digest(&self.key).into()).to_hex(),
            fingerprint: self.fingerprint,
            expires_at: now.plus(KNOWN),
        }
    }
}
