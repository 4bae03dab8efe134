//! A page of a list: some rows behind a (time, id), in descending order.

use dalston_model::{PageRequest, Start};
use sqlx::{Sqlite, query::Query, sqlite::SqliteArguments};

/// The end of every list's statement. [`bind`] fills it in.
macro_rules! page {
    () => {
        "(created_at, id) < (?, ?) ORDER BY created_at DESC, id DESC LIMIT ? OFFSET ?"
    };
}
pub(crate) use page;

/// Sorts behind every id.
const ANY_ID: &str = "~";

/// Binds what the page is, one row more than it holds: that one tells whether there is a next page.
pub(crate) fn bind<'q>(
    list: Query<'q, Sqlite, SqliteArguments>,
    request: &PageRequest,
) -> Query<'q, Sqlite, SqliteArguments> {
    let (before, id, offset) = match &request.start {
        Start::Newest => (i64::MAX, ANY_ID, 0),
        Start::Offset(offset) => (i64::MAX, ANY_ID, *offset),
        Start::After(item) => (item.created_at.as_micros(), item.id.as_str(), 0),
    };
    list.bind(before).bind(id.to_owned()).bind(request.limit.get() + 1).bind(offset)
}
