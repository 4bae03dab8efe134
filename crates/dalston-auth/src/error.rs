//! Errors of the use cases on keys.

use crate::{PepperError, RejectionReason};
use dalston_model::{EntropyError, ErrorCode, Timestamp};
use dalston_store::StoreError;
use std::borrow::Cow;
use thiserror::Error;

/// A field of a request that is not acceptable. Describes what is required, and never repeats the value that was sent.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FieldError {
    /// The name of the field.
    pub field: String,
    /// What is required.
    pub detail: Cow<'static, str>,
}

impl FieldError {
    /// Creates the error of `field`.
    pub fn new(field: impl Into<String>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { field: field.into(), detail: detail.into() }
    }
}

/// Why a use case on keys failed.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum AuthError {
    /// The caller is not authorized.
    #[error("{}", .0.detail())]
    Refused(RejectionReason),
    /// The resource does not exist in the caller's tenant. A resource of another tenant gives the same error, so its
    /// existence is not revealed. The text is the noun of the resource.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// The state of the resource does not allow the change.
    #[error("{0}")]
    Conflict(Cow<'static, str>),
    /// The request is well-formed, but these fields are not acceptable.
    #[error("The request is not acceptable")]
    Invalid(Vec<FieldError>),
    /// The store is unavailable. The cause is in the log.
    #[error("The store is not available")]
    Unavailable,
    /// An internal error. The cause is in the log.
    #[error("Internal error")]
    Internal,
}

impl AuthError {
    /// Returns the stable error code.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Refused(reason) => reason.code(),
            Self::NotFound(_) => ErrorCode::NotFound,
            Self::Conflict(_) => ErrorCode::Conflict,
            Self::Invalid(_) => ErrorCode::InvalidRequest,
            Self::Unavailable => ErrorCode::Unavailable,
            Self::Internal => ErrorCode::Internal,
        }
    }

    /// Creates the error of one unacceptable field.
    pub fn invalid(field: impl Into<String>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid(vec![FieldError::new(field, detail)])
    }

    /// Creates the conflict of a rotation with the overlap of an earlier one, which lasts until `until`.
    pub fn overlapping(until: Timestamp) -> Self {
        Self::Conflict(Cow::Owned(format!(
            "The secret before the last rotation is valid until {until}. Rotate after that time, or now with \
             end_overlap (--end-overlap), which ends that secret at once; overlap_seconds keeps the present one valid"
        )))
    }

    /// Creates the error of an idempotency key that was used before with a different payload.
    pub fn other_payload() -> Self {
        Self::invalid("Idempotency-Key", "was used before with another payload")
    }
}

impl From<RejectionReason> for AuthError {
    fn from(reason: RejectionReason) -> Self {
        Self::Refused(reason)
    }
}

impl From<StoreError> for AuthError {
    fn from(error: StoreError) -> Self {
        tracing::error!(event = "store.call_failed", %error, "a store call failed");
        match error {
            StoreError::Unavailable(_) => Self::Unavailable,
            StoreError::Corrupt(_) => Self::Internal,
        }
    }
}

impl From<PepperError> for AuthError {
    fn from(error: PepperError) -> Self {
        match error {
            PepperError::Store(error) => error.into(),
            // The operator must correct the setting. The request is not at fault.
            PepperError::Other { .. } => {
                tracing::error!(event = "pepper.mismatch", %error, "the store was filled with another pepper");
                Self::Unavailable
            }
        }
    }
}

impl From<EntropyError> for AuthError {
    fn from(error: EntropyError) -> Self {
        tracing::error!(event = "entropy.unavailable", %error, "could not read random bytes");
        Self::Internal
    }
}
