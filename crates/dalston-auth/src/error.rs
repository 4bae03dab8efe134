//! What a use case says when it does not do what it was asked.

use crate::{PepperError, RejectionReason};
use dalston_model::{EntropyError, ErrorCode, Timestamp};
use dalston_store::StoreError;
use std::borrow::Cow;
use thiserror::Error;

/// One field that is not acceptable. Names what is wanted, never what was given.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FieldError {
    /// The field.
    pub field: String,
    /// What is wanted.
    pub detail: Cow<'static, str>,
}

impl FieldError {
    /// The error of `field`.
    pub fn new(field: impl Into<String>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { field: field.into(), detail: detail.into() }
    }
}

/// Why a use case on keys was not carried out.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum AuthError {
    /// The caller may not.
    #[error("{}", .0.detail())]
    Refused(RejectionReason),
    /// No such thing in the caller's tenant. Another tenant's thing is the same answer.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// The state of the thing does not allow it.
    #[error("{0}")]
    Conflict(Cow<'static, str>),
    /// Well-formed, but not acceptable.
    #[error("The request is not acceptable")]
    Invalid(Vec<FieldError>),
    /// The store cannot be asked. The cause is in the log.
    #[error("The store is not available")]
    Unavailable,
    /// A fault of ours. The cause is in the log.
    #[error("Internal error")]
    Internal,
}

impl AuthError {
    /// The stable code.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::NotFound(_) => ErrorCode::NotFound,
            Self::Conflict(_) => ErrorCode::Conflict,
            Self::Invalid(_) => ErrorCode::InvalidRequest,
            Self::Unavailable => ErrorCode::Unavailable,
            Self::Internal => ErrorCode::Internal,
        }
    }

    /// One field that is not acceptable.
    pub fn invalid(field: impl Into<String>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid(vec![FieldError::new(field, detail)])
    }

    /// A rotation met the overlap of an earlier one, which runs until `until`.
    pub fn overlapping(until: Timestamp) -> Self {
        Self::Conflict(Cow::Owned(format!(
            "The secret before the last rotation is valid until {until}. Rotate after that time, or now with \
             end_overlap (--end-overlap), which ends that secret at once; overlap_seconds keeps the present one valid"
        )))
    }

    /// A repeated request whose payload differs from the first.
    pub fn other_payload() -> Self {
        Self::invalid("Idempotency-Key", "was used before with another payload")
    }
}

impl From<RejectionReason> for AuthError {
    fn from(refusal: RejectionReason) -> Self {
        Self::Refused(refusal)
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
            // It is the operator's to mend, and no fault of the request.
            PepperError::Other { .. } => {
                tracing::error!(event = "entropy.unavailable", %error, "could not read random bytes");
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
