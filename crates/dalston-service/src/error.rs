//! The errors of the use cases.

use dalston_auth::{AuthError, FieldError, PepperError, RejectionReason};
use dalston_model::{EntropyError, ErrorCode, Timestamp};
use dalston_store::StoreError;
use dalston_work::{QuotaExceeded, QuotaKind};
use std::borrow::Cow;
use thiserror::Error;

/// Why a use case failed.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum ServiceError {
    /// The caller is not permitted to do this.
    #[error("{}", .0.detail())]
    Refused(RejectionReason),
    /// The caller's tenant has no such object. The answer is the same for an object of another tenant.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// The state of the object does not allow the operation.
    #[error("{0}")]
    Conflict(Cow<'static, str>),
    /// The request is well-formed, but some of its fields are not acceptable.
    #[error("The request is not acceptable")]
    Invalid(Vec<FieldError>),
    /// The request is malformed.
    #[error("{0}")]
    Malformed(&'static str),
    /// The body is not audio, or not of the required media type.
    #[error("{0}")]
    UnsupportedMedia(Cow<'static, str>),
    /// The body is too large.
    #[error("The body is too large")]
    TooLarge,
    /// The disk is full.
    #[error("No room to store this")]
    StorageFull,
    /// A quota of audio, jobs or streams was exceeded.
    #[error("{excess}")]
    Excess {
        /// The quota.
        excess: QuotaExceeded,
        /// Seconds after which a retry may succeed.
        retry_after: u64,
    },
    /// The store is unavailable.
    #[error("The store is not available")]
    Unavailable,
    /// A component that the operation needs is not configured.
    #[error("{0}")]
    Unconfigured(&'static str),
    /// A component that the operation needs, other than the store, is unavailable.
    #[error("{0}")]
    Unreachable(&'static str),
    /// A message was delivered to nobody. The value has the result of each attempt, for the client.
    #[error("The message reached nobody")]
    Undelivered(serde_json::Value),
    /// An internal error. Its cause is in the log.
    #[error("Internal error")]
    Internal,
}

/// The result of a use case.
pub type ServiceResult<T> = Result<T, ServiceError>;

impl ServiceError {
    /// Returns the stable error code.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Refused(reason) => reason.code(),
            Self::NotFound(_) => ErrorCode::NotFound,
            Self::Conflict(_) => ErrorCode::Conflict,
            Self::Invalid(_) | Self::Malformed(_) => ErrorCode::InvalidRequest,
            Self::UnsupportedMedia(_) => ErrorCode::UnsupportedMedia,
            Self::TooLarge => ErrorCode::TooLarge,
            Self::StorageFull => ErrorCode::StorageFull,
            Self::Unavailable | Self::Unconfigured(_) | Self::Unreachable(_) => ErrorCode::Unavailable,
            Self::Excess { .. } => ErrorCode::RateLimited,
            Self::Undelivered(_) => ErrorCode::Undelivered,
            Self::Internal => ErrorCode::Internal,
        }
    }

    /// Creates the error for a quota that was exceeded at the time `now`.
    ///
    /// `retry_after` is the rest of the day in seconds for the daily audio quota. It is 60 s for jobs and streams: one
    /// may end at any time, and a minute is a reasonable guess.
    pub fn excess(excess: QuotaExceeded, now: Timestamp) -> Self {
        let of_day = now.as_secs().rem_euclid(86_400).unsigned_abs();
        let retry_after = if excess.limit == QuotaKind::Seconds { 86_400 - of_day } else { 60 };
        Self::Excess { excess, retry_after }
    }

    /// Creates the error for one field that is not acceptable.
    pub fn invalid(field: impl Into<String>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid(vec![FieldError::new(field, detail)])
    }
}

impl From<RejectionReason> for ServiceError {
    fn from(reason: RejectionReason) -> Self {
        Self::Refused(reason)
    }
}

/// Uses a `retry_after` of 60 s. For the close of a stream, which has no time and reports none.
impl From<QuotaExceeded> for ServiceError {
    fn from(excess: QuotaExceeded) -> Self {
        Self::Excess { excess, retry_after: 60 }
    }
}

impl From<AuthError> for ServiceError {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Refused(reason) => Self::Refused(reason),
            AuthError::NotFound(noun) => Self::NotFound(noun),
            AuthError::Conflict(detail) => Self::Conflict(detail),
            AuthError::Invalid(errors) => Self::Invalid(errors),
            AuthError::Unavailable => Self::Unavailable,
            AuthError::Internal => Self::Internal,
        }
    }
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        AuthError::from(error).into()
    }
}

impl From<PepperError> for ServiceError {
    fn from(error: PepperError) -> Self {
        AuthError::from(error).into()
    }
}

impl From<EntropyError> for ServiceError {
    fn from(error: EntropyError) -> Self {
        AuthError::from(error).into()
    }
}

impl From<std::io::Error> for ServiceError {
    fn from(error: std::io::Error) -> Self {
        tracing::error!(event = "file.io_failed", %error, "could not read or write a file");
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::StorageFull,
            std::io::ErrorKind::HostUnreachable | std::io::ErrorKind::TimedOut => {
                Self::Unreachable("The store of audio and results is not available")
            }
            _ => Self::Internal,
        }
    }
}
