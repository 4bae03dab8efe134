//! Why a call gave no output.

use crate::ReceivedProblem;
use dalston_model::ErrorCode;
use reqwest::StatusCode;
use thiserror::Error;

/// Why a call gave no output. Its text is our own: it holds no secret, no URL, and nothing that the server wrote.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientError {
    /// The gateway refuses, or says that it has a fault or an outage of its own: see its code.
    #[error("the gateway answered {} {}", .0.status, .0.code)]
    Refused(ReceivedProblem),
    /// No answer, or no whole one within the timeout: the cause.
    #[error("{0}")]
    Unreachable(String),
    /// An answer that no gateway gives: of another media type or shape, or a redirect.
    #[error("the server answered {0}, but not as a Dalston gateway does")]
    Foreign(StatusCode),
    /// An answer of more bytes than are taken.
    #[error("the server answered more than {0} bytes")]
    TooLarge(usize),
    /// The output has another shape than the caller asked for. Names the place, never a value.
    #[error("the answer has another shape: {0}")]
    Shape(String),
    /// An argument that the path of the route needs is not given.
    #[error("{0} is required")]
    MissingArgument(String),
}

impl ClientError {
    /// Whether nothing was decided: the gateway did not answer, not as a gateway does, or that it cannot.
    pub const fn is_outage(&self) -> bool {
        match self {
            Self::Refused(problem) => {
                matches!(problem.code, ErrorCode::Unavailable | ErrorCode::Internal | ErrorCode::StorageFull)
            }
            Self::Unreachable(_) | Self::Foreign(_) | Self::TooLarge(_) => true,
            Self::Shape(_) | Self::MissingArgument(_) => false,
        }
    }

    /// The code of a refusal.
    pub const fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused(problem) => Some(problem.code),
            _ => None,
        }
    }
}
