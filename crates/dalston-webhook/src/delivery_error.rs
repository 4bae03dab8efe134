//! Why a delivery did not arrive.

use crate::{TargetError, resolver::Unreached};
use std::error::Error;
use thiserror::Error;

/// Why a delivery did not arrive: for the log of deliveries, which the tenant reads. Names no address of ours, and
/// nothing that the endpoint said.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryError {
    /// The URL, which may have been acceptable once.
    #[error("the URL {0}")]
    Target(#[from] TargetError),
    /// The name of its host leads to no address that may be reached.
    #[error("the host has no public address")]
    Hidden,
    /// No connection, or one that broke.
    #[error("no connection, or it broke")]
    Unreachable,
    /// No answer in time.
    #[error("no answer within 15 seconds")]
    Slow,
    /// Another answer than success; redirects are not followed.
    #[error("answered with {0}")]
    Answered(u16),
    /// The secret is none.
    #[error("cannot be signed")]
    Unsigned,
}

impl DeliveryError {
    /// What the endpoint answered, if it did.
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Answered(status) => Some(*status),
            _ => None,
        }
    }

    /// What the HTTP client says.
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
