//! Why a request is not let in: the same at every door.

use crate::KeyPrefix;
use dalston_limit::RateLimitDecision;
use dalston_model::{ErrorCode, Scope};
use std::{borrow::Cow, error::Error, fmt};

/// A refusal. Its text is constant but for the prefix, the scope and the limit that it names; never anything that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectionReason {
    /// No credential; how one begins.
    MissingCredential(KeyPrefix),
    /// Not the shape of a secret, unknown, revoked, expired or disabled: all the same.
    InvalidCredential,
    /// More than one credential, or a malformed one.
    AmbiguousCredential,
    /// The caller does not hold this scope.
    InsufficientScope(Scope),
    /// No room in the minute.
    RateLimited(RateLimitDecision),
    /// Too many failed attempts from this address.
    TooManyFailures {
        /// Seconds until the next attempt is weighed.
        retry_after: u64,
    },
    /// A platform caller names a tenant that cannot be.
    UnknownTenant,
    /// The store cannot be asked: an outage, not a judgement.
    Unavailable,
    /// The shared counter of limits does not answer, and this node has no share: an outage too.
    Uncounted,
}

impl RejectionReason {
    /// The stable code.
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

    /// What the client reads.
    pub fn detail(&self) -> Cow<'static, str> {
        match self {
            Self::MissingCredential(prefix) => {
                let prefix = prefix.as_str();
                format!("Missing API key. Provide via 'Authorization: Bearer {prefix}xxx' header.").into()
            }
            Self::InvalidCredential => "Invalid or revoked API key".into(),
            Self::AmbiguousCredential => "Provide exactly one well-formed credential".into(),
            Self::InsufficientScope(scope) => format!("Missing required scope: {scope}").into(),
            Self::RateLimited(verdict) => format!("Rate limit exceeded ({})", verdict.limit).into(),
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
