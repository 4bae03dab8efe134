//! The stable codes of refusals: one list for every door.

use std::{fmt, str::FromStr};

/// Makes the enum of codes with the text of each.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// What a refused request is told, whichever door it came through.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $($(#[$doc])* $name),+ }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The code on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

codes! {
    /// No credential where one is needed.
    MissingCredential = "missing_credential",
    /// Unknown, revoked, expired or disabled.
    InvalidCredential = "invalid_credential",
    /// More than one credential, or a malformed header.
    AmbiguousCredential = "ambiguous_credential",
    /// The caller may not do this.
    InsufficientScope = "insufficient_scope",
    /// No room in the minute, or too many failed attempts.
    RateLimited = "rate_limited",
    /// The store cannot be asked.
    Unavailable = "unavailable",
    /// No such object in the caller's tenant, or no such route.
    NotFound = "not_found",
    /// Not well-formed, or not acceptable.
    InvalidRequest = "invalid_request",
    /// The `Origin` may not open a stream.
    OriginNotAllowed = "origin_not_allowed",
    /// The route has no such method.
    MethodNotAllowed = "method_not_allowed",
    /// The body did not arrive in time.
    Timeout = "timeout",
    /// The object's state does not allow it.
    Conflict = "conflict",
    /// The body is too large.
    TooLarge = "too_large",
    /// Wrong media type, not audio, or an encoded body.
    UnsupportedMedia = "unsupported_media",
    /// An unknown `Host`.
    Misdirected = "misdirected",
    /// A WebSocket route without an upgrade.
    UpgradeRequired = "upgrade_required",
    /// A message reached nobody.
    Undelivered = "undelivered",
    /// A fault of ours.
    Internal = "internal",
    /// No room on the disk.
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
