//! A page of a list: the bounds that its statement takes.

use crate::pg_timestamp::PgTimestamp;
use dalston_model::{PageRequest, Start, Timestamp};
use std::str::FromStr;

/// Newest first, the page is what lies before (`before`, `id`), without the first `skip`, at most `limit` rows: one
/// more than it shows, which tells whether there is a next page.
pub(crate) struct Bounds<I> {
    pub(crate) before: PgTimestamp,
    pub(crate) id: I,
    pub(crate) skip: i64,
    pub(crate) limit: i64,
}

impl<I: FromStr> Bounds<I> {
    /// The bounds of the page. `least` is before every id: a cursor of another list leads behind all of its moment.
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
