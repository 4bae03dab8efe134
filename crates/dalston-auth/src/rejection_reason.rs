//! Why a request is rejected: the same reasons on every interface.

use crate::KeyPrefix;
use dalston_limit::RateLimitDecision;
use dalston_model::{ErrorCode, Scope};
use std::{borrow::Cow, error::Error, fmt};

/// Why the gate rejects a request.
///
/// The text is constant, except for the prefix, the scope and the limit. It never contains anything that the client
/// sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectionReason {
    /// The request has no credential. Holds the prefix of keys, for the text.
    MissingCredential(KeyPrefix),
    /// The credential is malformed, unknown, revoked, expired or disabled. The reason is the same, so that it reveals
    /// nothing.
    InvalidCredential,
    /// The request has more than one credential, or one that is empty or contains other characters than visible ASCII.
    AmbiguousCredential,
    /// The caller does not hold this scope.
    InsufficientScope(Scope),
    /// The rate limit is exceeded.
    RateLimited(RateLimitDecision),
    /// There were too many failed attempts from this address.
    TooManyFailures {
        /// Seconds until the next attempt is allowed.
        retry_after: u64,
    },
    /// A platform caller names a tenant that does not exist, or whose name is malformed.
    UnknownTenant,
    /// The store is unavailable. This is an outage, and says nothing about the credential.
    Unavailable,
    /// The shared counter of rate limits is unavailable, and this node has no share of the limit from which to admit
    /// the request. This too is an outage.
    Uncounted,
}

impl RejectionReason {
    /// Returns the stable error code.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::MissingCredential(_) => ErrorCode::MissingCredential,
            Self::InvalidCredential => ErrorCode::InvalidCredential,
            Self::AmbiguousCredential => ErrorCode::AmbiguousCredential,
            Self::InsufficientScope(_) => ErrorCode::InsufficientScope,
            Self::RateLimited(_) | Self::TooManyFailures { .. } => ErrorCode::RateLimited,
            Self::UnknownTenant => ErrorCode::NotFound,
            Self::Unavailable | Self::Uncounted => ErrorCode::Unavailable,
        }
    }

    /// Returns the text for the client.
    pub fn detail(&self) -> Cow<'static, str> {
        match self {
            Self::MissingCredential(prefix) => {
                let prefix = prefix.as_str();
                format!("Missing API key. Provide via 'Authorization: Bearer {prefix}xxx' header.").into()
            }
            Self::InvalidCredential => "Invalid or revoked API key".into(),
            Self::AmbiguousCredential => "Provide exactly one well-formed credential".into(),
            Self::InsufficientScope(scope) => format!("Missing required scope: {scope}").into(),
            Self::RateLimited(decision) => format!("Rate limit exceeded ({})", decision.limit).into(),
            Self::TooManyFailures { .. } => "Too many failed attempts from this address".into(),
            Self::UnknownTenant => "Tenant not found".into(),
            Self::Unavailable => "The key store is not available".into(),
            Self::Uncounted => "The counter of rate limits is not available".into(),
        }
    }
}

impl fmt::Display for RejectionReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail())
    }
}

impl Error for RejectionReason {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeyFormat;

    #[test]
    fn a_missing_credential_is_asked_for_by_the_prefix_of_the_service() {
        for (format, prefix) in [
            (KeyFormat::default(), "dk_"),
            (KeyFormat::new("notes_").unwrap(), "notes_"),
            (KeyFormat::new("abcdefg_").unwrap(), "abcdefg_"),
            (KeyFormat::new("1_").unwrap(), "1_"),
        ] {
            let detail = RejectionReason::MissingCredential(format.prefix()).detail();
            assert_eq!(detail, format!("Missing API key. Provide via 'Authorization: Bearer {prefix}xxx' header."));
        }
    }
}
