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

/// An error with a text for the user; its code determines the exit code.
#[derive(Debug)]
pub(crate) struct CliError {
    code: ErrorCode,
    text: String,
}

impl CliError {
    /// Returns an error with this code.
    pub(crate) fn new(code: ErrorCode, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// Returns an error for a wrong command line.
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidRequest, text)
    }

    /// Returns an error for a failure.
    pub(crate) fn failed(text: impl Into<String>) -> Self {
        Self::new(ErrorCode::Internal, text)
    }

    /// Returns an error for a store or gateway that cannot be reached.
    pub(crate) fn unreachable(text: impl Into<String>) -> Self {
        Self::new(ErrorCode::Unavailable, text)
    }

    /// Returns the error for a command that succeeded but whose secret could not be written to the output. Names the
    /// commands that issue another secret or remove the resource; `place` holds the options that select the same
    /// backend and tenant.
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

    /// Returns whether the resource already exists, or is in a state that does not allow the command.
    pub(crate) fn is_conflict(&self) -> bool {
        self.code == ErrorCode::Conflict
    }

    /// Returns the exit code: 0 success, 1 failure, 2 wrong usage, 3 refused, 4 not found, 5 unreachable.
    pub(crate) const fn exit_code(&self) -> u8 {
        exit_code_of(self.code)
    }
}

/// Returns the exit code of the program for an error code.
pub const fn exit_code_of(code: ErrorCode) -> u8 {
    match code {
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
