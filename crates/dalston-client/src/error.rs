//! Errors of a call.

use crate::ReceivedProblem;
use dalston_model::ErrorCode;
use reqwest::StatusCode;
use thiserror::Error;

/// Why a call failed. The messages contain no secret, no URL, and no text from the server; only `Unreachable` carries
/// the transport's cause, without the URL.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientError {
    /// The gateway refused the call, or reported a fault or outage of its own: see the code.
    #[error("the gateway answered {} {}", .0.status, .0.code)]
    Refused(ReceivedProblem),
    /// No complete answer arrived within the timeout. Holds the cause.
    #[error("{0}")]
    Unreachable(String),
    /// The answer is not a gateway's: another media type or shape, or a redirect.
    #[error("the server answered {0}, but not as a Dalston gateway does")]
    Foreign(StatusCode),
    /// The answer is larger than this number of bytes.
    #[error("the server answered more than {0} bytes")]
    TooLarge(usize),
    /// The output does not have the type that the caller requested. Names the position, never a value.
    #[error("the answer has another shape: {0}")]
    Shape(String),
    /// An argument that the path requires is missing.
    #[error("{0} is required")]
    MissingArgument(String),
}

impl ClientError {
    /// Whether the error is an outage, not a decision: the gateway did not answer, the answer was not a gateway's, or
    /// the gateway reported that it cannot decide.
    pub const fn is_outage(&self) -> bool {
        match self {
            Self::Refused(problem) => {
                matches!(problem.code, ErrorCode::Unavailable | ErrorCode::Internal | ErrorCode::StorageFull)
            }
            Self::Unreachable(_) | Self::Foreign(_) | Self::TooLarge(_) => true,
            Self::Shape(_) | Self::MissingArgument(_) => false,
        }
    }

    /// The error code, if the gateway refused.
    pub const fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused(problem) => Some(problem.code),
            _ => None,
        }
    }
}
