//! Command-line errors and their exit codes.

use dalston_command::{CommandSpec, Registry, shown};
use dalston_model::ErrorCode;
use dalston_service::ServiceError;
use std::{
    fmt,
    io::{self, Write},
};

/// Prints a warning to standard error.
pub(crate) fn warn(text: &str) {
    let _ = writeln!(io::stderr(), "dalston: warning: {text}");
}

/// A refusal or a failure.
#[derive(Debug)]
pub(crate) struct CliError {
    code: ErrorCode,
    text: String,
}

impl CliError {
    /// A refusal of this code.
    pub(crate) fn new(code: ErrorCode, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// The command line is wrong.
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidRequest, text)
    }

    /// It did not work.
    pub(crate) fn failed(text: impl Into<String>) -> Self {
        Self::new(ErrorCode::Internal, text)
    }

    /// The store or the server cannot be reached.
    pub(crate) fn unreachable(text: impl Into<String>) -> Self {
        Self::new(ErrorCode::Unavailable, text)
    }

    /// `row` was done at `place` of the command line, but the secret that it made could not be written to whoever was to read it. Names the commands
    /// that give the thing another secret, or take it away.
    pub(crate) fn unread(
        registry: &Registry,
        row: &CommandSpec,
        id: Option<&str>,
        place: &str,
        error: &io::Error,
    ) -> Self {
        let (nouns, id) = (row.name.split('.').next().unwrap_or_default(), shown(id.unwrap_or_default()));
        let way = |verb: &&str| registry.row(&format!("{nouns}.{verb}")).is_some();
        let ways = ["rotate", "revoke", "delete"].into_iter().filter(way);
        let ways: Vec<String> = ways.map(|verb| format!("`dalston{place} {nouns} {verb} {id}`")).collect();
        let lost = format!("{} was done, but its secret could not be written and is lost: {error}", row.name);
        Self::failed(if id.is_empty() { lost } else { format!("{lost}. Its id is {id}: {}", ways.join(" or ")) })
    }

    /// Whether it is there already, or in a state that does not allow it.
    pub(crate) fn is_conflict(&self) -> bool {
        self.code == ErrorCode::Conflict
    }

    /// 0 done, 1 failed, 2 wrong use, 3 refused, 4 not found, 5 unreachable.
    pub(crate) const fn exit_code(&self) -> u8 {
        match self.code {
            ErrorCode::InvalidRequest => 2,
            ErrorCode::MissingCredential
            | ErrorCode::InvalidCredential
            | ErrorCode::AmbiguousCredential
            | ErrorCode::InsufficientScope
            | ErrorCode::OriginNotAllowed => 3,
            ErrorCode::NotFound => 4,
            ErrorCode::Unavailable => 5,
            ErrorCode::RateLimited
            | ErrorCode::MethodNotAllowed
            | ErrorCode::Timeout
            | ErrorCode::Conflict
            | ErrorCode::TooLarge
            | ErrorCode::UnsupportedMedia
            | ErrorCode::Misdirected
            | ErrorCode::UpgradeRequired
            | ErrorCode::Undelivered
            | ErrorCode::Internal
            | ErrorCode::StorageFull => 1,
        }
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<ServiceError> for CliError {
    fn from(error: ServiceError) -> Self {
        let text = match &error {
            ServiceError::Invalid(fields) => {
                fields.iter().map(|it| format!("{} {}", it.field, it.detail)).collect::<Vec<_>>().join("; ")
            }
            other => other.to_string(),
        };
        Self::new(error.code(), text)
    }
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        Self::failed(error.to_string())
    }
}
