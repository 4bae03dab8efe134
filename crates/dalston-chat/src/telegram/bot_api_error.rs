//! Why a call to the chat failed.

use dalston_service::NotDelivered;
use std::{error::Error, time::Duration};
use thiserror::Error;

/// Why a call failed. Names neither the URL, which holds the token, nor anything that was sent.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub(crate) enum BotApiError {
    /// The chat does not do it.
    #[error("refused with {code}")]
    Refused {
        /// As HTTP has it.
        code: u16,
        /// In the chat's words, which may quote what was sent.
        said: String,
    },
    /// The chat does not know the token.
    #[error("the token is not known")]
    Token,
    /// The chat wants to be asked again after this time.
    #[error("busy for {} seconds", .0.as_secs())]
    Busy(Duration),
    /// No answer, or none that makes sense. Whether it was done is not known.
    #[error("no answer: {0}")]
    Unreachable(String),
}

impl BotApiError {
    /// What the HTTP client says, and why, without the URL.
    pub(crate) fn unanswered(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let (mut said, mut cause) = (error.to_string(), error.source());
        while let Some(deeper) = cause {
            said = format!("{said}: {deeper}");
            cause = deeper.source();
        }
        Self::Unreachable(said)
    }
}

impl From<BotApiError> for NotDelivered {
    fn from(fault: BotApiError) -> Self {
        match fault {
            BotApiError::Refused { .. } => Self::Refused,
            BotApiError::Busy(_) => Self::Busy,
            BotApiError::Token | BotApiError::Unreachable(_) => Self::Unreachable,
        }
    }
}
