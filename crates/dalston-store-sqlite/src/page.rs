//! Keyset pagination: the rows of a list after a (time, id), in descending order.

use dalston_model::{PageRequest, Start};
use sqlx::{Sqlite, query::Query, sqlite::SqliteArguments};

/// The end of every list's statement. [`bind`] binds its parameters.
macro_rules! page {
    () => {
        "(created_at, id) < (?, ?) ORDER BY created_at DESC, id DESC LIMIT ? OFFSET ?"
    };
}
pub(crate) use page;

/// Sorts after every id.
const ANY_ID: &str = "~";

/// Binds the page's parameters. The limit is one more than the page holds: the extra row shows that there is a next
/// page.
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
