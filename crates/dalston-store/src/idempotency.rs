//! `Idempotency-Key`: recorded in the transaction of the effect (draft-ietf-httpapi-idempotency-key-header).

use dalston_model::Timestamp;

/// The idempotency key of a request that the client may retry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Tenant, caller and route. The client's key is unique within this scope.
    pub scope: String,
    /// The client's key.
    pub key: String,
    /// SHA-256 of the payload.
    pub fingerprint: [u8; 32],
    /// When the idempotency key expires.
    pub expires_at: Timestamp,
}

/// The outcome of the earlier request with the same idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlreadyProcessed {
    /// The id of the object that the earlier request created or changed.
    pub target: String,
    /// Whether the payload equals that of the earlier request.
    pub same_payload: bool,
}
