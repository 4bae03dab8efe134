//! `Idempotency-Key`: claimed in the transaction of the effect (draft-ietf-httpapi-idempotency-key-header).

use dalston_model::Timestamp;

/// What a request that may be repeated claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Tenant, caller and route: within it the key is unique.
    pub scope: String,
    /// The client's key.
    pub key: String,
    /// SHA-256 of the payload.
    pub fingerprint: [u8; 32],
    /// When the claim lapses.
    pub expires_at: Timestamp,
}

/// The claim was made before: this is what it made then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlreadyProcessed {
    /// The id of the object.
    pub target: String,
    /// Whether the payload is the same as then.
    pub same_payload: bool,
}
