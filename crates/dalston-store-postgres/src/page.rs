//! A page of a list: the parameters of its statement.

use crate::pg_timestamp::PgTimestamp;
use dalston_model::{PageRequest, Start, Timestamp};
use std::str::FromStr;

/// The parameters of a page, newest first.
///
/// The page consists of the rows that sort before (`before`, `id`), without the first `skip`, at most `limit` rows. The
/// limit is one more than the page shows, to see whether there is a next page.
pub(crate) struct Bounds<I> {
    pub(crate) before: PgTimestamp,
    pub(crate) id: I,
    pub(crate) skip: i64,
    pub(crate) limit: i64,
}

impl<I: FromStr> Bounds<I> {
    /// Returns the parameters for the request. `least` sorts before every id: it is used if the cursor's id is that of
    /// another list, and then skips all rows of the cursor's time.
    pub(crate) fn of(request: &PageRequest, least: I) -> Self {
        let (before, id, skip): (Timestamp, I, u32) = match &request.start {
            Start::Newest => (PgTimestamp::LATEST, least, 0),
            Start::Offset(offset) => (PgTimestamp::LATEST, least, *offset),
            Start::After(cursor) => {
                (cursor.created_at.max(PgTimestamp::EARLIEST), cursor.id.parse().unwrap_or(least), 0)
            }
        };
        Self { before: PgTimestamp(before), id, skip: skip.into(), limit: i64::from(request.limit.get()) + 1 }
    }
}
