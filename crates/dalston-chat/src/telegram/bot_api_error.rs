//! Errors of Bot API calls.

use dalston_service::NotDelivered;
use std::{error::Error, time::Duration};
use thiserror::Error;

/// Why a Bot API call failed. Its text contains neither the URL, which holds the token, nor anything that was sent.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub(crate) enum BotApiError {
    /// The Bot API rejected the request.
    #[error("refused with {code}")]
    Refused {
        /// The HTTP status code.
        code: u16,
        /// Telegram's description, which may quote what was sent.
        said: String,
    },
    /// The Bot API rejected the token.
    #[error("the token is not known")]
    Token,
    /// Rate-limited: retry after this duration.
    #[error("busy for {} seconds", .0.as_secs())]
    Busy(Duration),
    /// No response, or an invalid one. Whether the call took effect is unknown.
    #[error("no answer: {0}")]
    Unreachable(String),
}

impl BotApiError {
    /// Converts an error of the HTTP client, with its causes and without the URL.
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
