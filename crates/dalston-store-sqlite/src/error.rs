//! Every error of the driver, as the store has it.

use dalston_store::StoreError;
use sqlx::{Error, error::DatabaseError};

/// `SQLITE_CORRUPT` and `SQLITE_NOTADB`: <https://www.sqlite.org/rescode.html>.
const UNREADABLE: [i32; 2] = [11, 26];

/// Corrupt when a value, or the file, cannot be read as what it should be; unavailable for all else: busy, full,
/// closed, gone.
pub(crate) fn store_error(error: Error) -> StoreError {
    match error {
        Error::ColumnDecode { .. } | Error::ColumnNotFound(_) | Error::Decode(_) => StoreError::corrupt(error),
        Error::Database(cause) if primary_code(&*cause).is_some_and(|code| UNREADABLE.contains(&code)) => {
            StoreError::corrupt(cause)
        }
        other => StoreError::unavailable(other),
    }
}

/// The error of a column that holds what the model does not allow.
pub(crate) fn undecodable(column: &str, why: impl Into<sqlx::error::BoxDynError>) -> Error {
    Error::ColumnDecode { index: column.to_owned(), source: why.into() }
}

/// The low byte of the extended code.
pub(crate) fn primary_code(error: &dyn DatabaseError) -> Option<i32> {
    error.code()?.parse::<i32>().ok().map(|code| code & 0xff)
}
