//! Stable error codes: one list for all interfaces.

use std::{fmt, str::FromStr};

/// Defines the enum of codes with the text of each.
macro_rules! codes {
    ($(#[doc = $doc:literal] $name:ident = $text:literal),+ $(,)?) => {
        /// The error code of a refused request, the same through every interface.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $(#[doc = $doc] $name),+ }

        impl ErrorCode {
            /// All codes.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The code on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            /// What the code means, as its documentation says.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $doc.trim_ascii()),+ }
            }
        }
    };
}

codes! {
    /// A credential is required and missing.
    MissingCredential = "missing_credential",
    /// The credential is unknown, revoked, expired or disabled.
    InvalidCredential = "invalid_credential",
    /// More than one credential, or a malformed header.
    AmbiguousCredential = "ambiguous_credential",
    /// The caller lacks a required scope.
    InsufficientScope = "insufficient_scope",
    /// The rate limit is exceeded, or there were too many failed attempts.
    RateLimited = "rate_limited",
    /// A part that the request needs does not answer, such as the store, or is not configured.
    Unavailable = "unavailable",
    /// No such object in the caller's tenant, or no such route.
    NotFound = "not_found",
    /// The request is malformed or invalid.
    InvalidRequest = "invalid_request",
    /// This `Origin` may not open a stream.
    OriginNotAllowed = "origin_not_allowed",
    /// The route has no such method.
    MethodNotAllowed = "method_not_allowed",
    /// The body did not arrive in time.
    Timeout = "timeout",
    /// The object's state does not allow the request.
    Conflict = "conflict",
    /// The body is too large.
    TooLarge = "too_large",
    /// The body has the wrong media type, is not audio, or is encoded.
    UnsupportedMedia = "unsupported_media",
    /// The `Host` is unknown.
    Misdirected = "misdirected",
    /// The WebSocket route was called without an upgrade.
    UpgradeRequired = "upgrade_required",
    /// The message was delivered to nobody.
    Undelivered = "undelivered",
    /// An internal error.
    Internal = "internal",
    /// The disk is full.
    StorageFull = "storage_full",
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ErrorCode {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text).ok_or(())
    }
}
