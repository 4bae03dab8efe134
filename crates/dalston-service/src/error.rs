//! What a use case says when it does not do what it was asked.

use dalston_auth::{AuthError, FieldError, PepperError, RejectionReason};
use dalston_model::{EntropyError, ErrorCode, Timestamp};
use dalston_store::StoreError;
use dalston_work::{QuotaExceeded, QuotaKind};
use std::borrow::Cow;
use thiserror::Error;

/// Why a use case was not carried out.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum ServiceError {
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
    /// Not well-formed.
    #[error("{0}")]
    Malformed(&'static str),
    /// Not audio, or not the media type that is wanted.
    #[error("{0}")]
    UnsupportedMedia(Cow<'static, str>),
    /// The body is too large.
    #[error("The body is too large")]
    TooLarge,
    /// No room on the disk.
    #[error("No room to store this")]
    StorageFull,
    /// A limit on audio, jobs or streams was reached.
    #[error("{excess}")]
    Excess {
        /// Which.
        excess: QuotaExceeded,
        /// Seconds after which there may be room.
        retry_after: u64,
    },
    /// The store cannot be asked.
    #[error("The store is not available")]
    Unavailable,
    /// What it would take is not configured.
    #[error("{0}")]
    Unconfigured(&'static str),
    /// What it would take, other than the store, gives no answer.
    #[error("{0}")]
    Unreachable(&'static str),
    /// A message reached nobody. What came of each attempt is for the client.
    #[error("The message reached nobody")]
    Undelivered(serde_json::Value),
    /// A fault of ours; the cause is in the log.
    #[error("Internal error")]
    Internal,
}

/// What use cases return.
pub type ServiceResult<T> = Result<T, ServiceError>;

impl ServiceError {
    /// The stable code.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Refused(refusal) => refusal.code(),
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

    /// A limit that was reached at the time `now`. A day's audio comes back with the next day; a job or a stream may end at
    /// any time, and a minute is a fair guess.
    pub fn excess(excess: QuotaExceeded, now: Timestamp) -> Self {
        let of_day = now.as_secs().rem_euclid(86_400).unsigned_abs();
        let retry_after = if excess.limit == QuotaKind::Seconds { 86_400 - of_day } else { 60 };
        Self::Excess { excess, retry_after }
    }

    /// One field that is not acceptable.
    pub fn invalid(field: impl Into<String>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid(vec![FieldError::new(field, detail)])
    }
}

impl From<RejectionReason> for ServiceError {
    fn from(refusal: RejectionReason) -> Self {
        Self::Refused(refusal)
    }
}

/// Where no time is at hand: a close of a stream carries none.
impl From<QuotaExceeded> for ServiceError {
    fn from(excess: QuotaExceeded) -> Self {
        Self::Excess { excess, retry_after: 60 }
    }
}

impl From<AuthError> for ServiceError {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Refused(refusal) => Self::Refused(refusal),
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
