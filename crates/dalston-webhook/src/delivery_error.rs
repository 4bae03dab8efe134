//! Errors of deliveries.

use crate::{TargetError, resolver::Unreached};
use std::error::Error;
use thiserror::Error;

/// Why a delivery failed.
///
/// The text is stored in the delivery log, which the tenant can read. It contains no internal address, and nothing of
/// the endpoint's response but the status.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryError {
    /// The URL is not acceptable. It may have been when the webhook was created.
    #[error("the URL {0}")]
    Target(#[from] TargetError),
    /// The host's name resolves to no permitted address.
    #[error("the host has no public address")]
    Hidden,
    /// The connection failed or broke.
    #[error("no connection, or it broke")]
    Unreachable,
    /// The endpoint did not answer in time.
    #[error("no answer within 15 seconds")]
    Slow,
    /// The endpoint answered with a status other than success. Redirects are not followed.
    #[error("answered with {0}")]
    Answered(u16),
    /// A secret is invalid or missing, so the delivery cannot be signed.
    #[error("cannot be signed")]
    Unsigned,
}

impl DeliveryError {
    /// Returns the status of the endpoint's response, if there was one.
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Answered(status) => Some(*status),
            _ => None,
        }
    }

    /// Maps an error of the HTTP client.
    pub(crate) fn unanswered(error: &reqwest::Error) -> Self {
        let mut cause: Option<&(dyn Error + 'static)> = error.source();
        while let Some(deeper) = cause {
            if deeper.is::<Unreached>() {
                return Self::Hidden;
            }
            cause = deeper.source();
        }
        if error.is_timeout() { Self::Slow } else { Self::Unreachable }
    }
}
