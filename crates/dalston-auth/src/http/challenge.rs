//! Challenges of rejected requests: the value of `WWW-Authenticate` (RFC 6750 §3).

use crate::RejectionReason;
use dalston_model::Scope;

/// The parameters of a challenge that follow the realm.
#[derive(Debug, Clone, Copy)]
pub(super) enum Challenge {
    Bare,
    InvalidToken,
    InvalidRequest,
    InsufficientScope(Scope),
}

impl Challenge {
    /// Returns the challenge for a rejection; `None` where a different credential would not help.
    pub(super) const fn of(reason: RejectionReason) -> Option<Self> {
        match reason {
            RejectionReason::MissingCredential(_) => Some(Self::Bare),
            RejectionReason::InvalidCredential => Some(Self::InvalidToken),
            RejectionReason::AmbiguousCredential => Some(Self::InvalidRequest),
            RejectionReason::InsufficientScope(scope) => Some(Self::InsufficientScope(scope)),
            RejectionReason::RateLimited(_)
            | RejectionReason::TooManyFailures { .. }
            | RejectionReason::UnknownTenant
            | RejectionReason::Unavailable
            | RejectionReason::Uncounted => None,
        }
    }

    /// Returns the value of `WWW-Authenticate`.
    pub(super) fn value(self, realm: &str) -> String {
        let bearer = format!("Bearer realm=\"{realm}\"");
        match self {
            Self::Bare => bearer,
            Self::InvalidToken => format!("{bearer}, error=\"invalid_token\""),
            Self::InvalidRequest => format!("{bearer}, error=\"invalid_request\""),
            Self::InsufficientScope(scope) => format!("{bearer}, error=\"insufficient_scope\", scope=\"{scope}\""),
        }
    }
}
