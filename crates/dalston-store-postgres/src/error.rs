//! Errors of sqlx as errors of a store: the only place that tells an outage from a value that cannot be.

use dalston_store::StoreError;
use deadpool::managed::PoolError;
use sqlx::{Error, migrate::MigrateError};
use std::{error::Error as Cause, io, time::Duration};

/// What a server says that takes no writes or that stops, as poolers repeat it under codes of their own.
const DOUBTFUL: [&str; 6] = [
    "read-only transaction",
    "during recovery",
    "the database system is",
    "terminating connection",
    "server closed the connection",
    "server conn crashed",
];

/// There is no session that is good for anything.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoPrimary {
    /// A standby, or a server that is set read-only.
    #[error("the server takes no writes")]
    ReadOnly,
    /// Something between here and the server has changed the session's settings.
    #[error("the session has lost `synchronous_commit = on`")]
    Volatile,
    /// No connection could be opened. It says nothing of those that are open.
    #[error("no connection: {0}")]
    Unreached(String),
}

impl NoPrimary {
    /// Why no connection could be opened.
    pub(crate) fn unreached(cause: Error) -> Self {
        let (StoreError::Unavailable(text) | StoreError::Corrupt(text)) = store(cause);
        Self::Unreached(text)
    }
}

impl From<NoPrimary> for Error {
    fn from(cause: NoPrimary) -> Self {
        Self::AnyDriverError(Box::new(cause))
    }
}

/// Whether the error says that connections of its kind may not lead to the primary, or lead nowhere: SQLSTATE 25006, the
/// server stops, crashed or starts (57P01 to 57P03), the connection broke (class 08, input and output).
pub(crate) fn is_in_doubt(error: &Error) -> bool {
    match error {
        Error::Database(cause) => {
            let code = cause.code();
            let code = code.as_deref().unwrap_or_default();
            matches!(code, "25006" | "57P01" | "57P02" | "57P03")
                || code.starts_with("08")
                || DOUBTFUL.iter().any(|text| cause.message().contains(text))
        }
        Error::AnyDriverError(cause) => !matches!(cause.downcast_ref(), Some(NoPrimary::Unreached(_))),
        Error::Io(_) | Error::Protocol(_) | Error::Tls(_) => true,
        _ => false,
    }
}

/// A connection that was not opened: not in time, or the runtime of the store has ended.
pub(crate) fn ended(cause: impl Cause) -> Error {
    Error::Io(io::Error::other(cause.to_string()))
}

/// What it means that the pool gives no connection.
pub(crate) fn pooling(error: PoolError<Error>) -> Error {
    match error {
        PoolError::Backend(error) => error,
        PoolError::Closed => Error::PoolClosed,
        PoolError::Timeout(_) | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => Error::PoolTimedOut,
    }
}

/// The call was not answered in time.
pub(crate) fn late(deadline: Duration) -> StoreError {
    StoreError::unavailable(format_args!("no answer from Postgres within {deadline:?}"))
}

/// What an error of sqlx says of the store. Its text holds no value of a query and no part of the URL but the host.
pub(crate) fn store(error: Error) -> StoreError {
    match error {
        Error::Database(cause) if is_about_data(cause.code().as_deref()) => StoreError::corrupt(cause.message()),
        Error::Database(cause) => StoreError::unavailable(cause.message()),
        Error::AnyDriverError(cause) => StoreError::unavailable(cause),
        Error::ColumnDecode { .. }
        | Error::ColumnNotFound(_)
        | Error::Decode(_)
        | Error::Encode(_)
        | Error::RowNotFound => StoreError::corrupt(error),
        other => StoreError::unavailable(other),
    }
}

/// What a failed migration says of the store.
pub(crate) fn migration(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _) => store(cause),
        MigrateError::VersionMissing(version) => {
            StoreError::corrupt(format_args!("schema version {version} is newer than this program"))
        }
        other => StoreError::corrupt(other),
    }
}

/// Whether it is a data exception or a violated constraint: SQLSTATE classes 22 and 23.
fn is_about_data(code: Option<&str>) -> bool {
    code.is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
}
