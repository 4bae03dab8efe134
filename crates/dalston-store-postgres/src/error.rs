//! Errors of sqlx as errors of a store: the only place that tells an outage from a value that cannot be.

use dalston_store::StoreError;
use sqlx::{Error, migrate::MigrateError};
use std::time::Duration;

/// The call was not answered in time.
pub(crate) fn late(deadline: Duration) -> StoreError {
    StoreError::unavailable(format_args!("no answer from Postgres within {deadline:?}"))
}

/// What an error of sqlx says of the store. Its text holds no value of a query and no part of the URL but the host.
pub(crate) fn store(error: Error) -> StoreError {
    match error {
        Error::Database(cause) if is_about_data(cause.code().as_deref()) => StoreError::corrupt(cause.message()),
        Error::Database(cause) => StoreError::unavailable(cause.message()),
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
