//! Maps the driver's errors to those of the store.

use dalston_store::StoreError;
use sqlx::{Error, error::DatabaseError};

/// `SQLITE_CORRUPT` and `SQLITE_NOTADB`: <https://www.sqlite.org/rescode.html>.
const UNREADABLE: [i32; 2] = [11, 26];

/// Returns `Corrupt` if a value, or the file, cannot be decoded, and `Unavailable` for everything else: busy, full,
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

/// The error of a column that holds a value which the model does not allow.
pub(crate) fn undecodable(column: &str, why: impl Into<sqlx::error::BoxDynError>) -> Error {
    Error::ColumnDecode { index: column.to_owned(), source: why.into() }
}

/// The primary result code: the low byte of the extended one.
pub(crate) fn primary_code(error: &dyn DatabaseError) -> Option<i32> {
    error.code()?.parse::<i32>().ok().map(|code| code & 0xff)
}
