//! What a refused client is challenged with (RFC 6750 §3).

use crate::Refusal;
use dalston_model::Scope;

/// The parameters of a challenge behind its realm.
#[derive(Debug, Clone, Copy)]
pub(super) enum Challenge {
    Bare,
    InvalidToken,
    InvalidRequest,
    InsufficientScope(Scope),
}

impl Challenge {
    /// The challenge of a refusal; none where another credential would change nothing.
    pub(super) const fn of(refusal: Refusal) -> Option<Self> {
        match refusal {
            Refusal::MissingCredential(_) => Some(Self::Bare),
            Refusal::InvalidCredential => Some(Self::InvalidToken),
            Refusal::AmbiguousCredential => Some(Self::InvalidRequest),
            Refusal::InsufficientScope(scope) => Some(Self::InsufficientScope(scope)),
            Refusal::RateLimited(_)
            | Refusal::TooManyFailures { .. }
            | Refusal::UnknownTenant
            | Refusal::Unavailable
            | Refusal::Uncounted => None,
        }
    }

    /// The value of `WWW-Authenticate`.
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
