//! Pagination of lists: newest first, ordered by creation time and then id.

use crate::Timestamp;
use std::{fmt, str::FromStr};
use thiserror::Error;

/// The maximum number of items of a page: 1 to 100, default 20.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageLimit(u32);

impl PageLimit {
    /// The greatest limit.
    pub const MAX: u32 = 100;

    /// The limit of `items`. Returns `None` if `items` is not from 1 to 100.
    pub fn new(items: u32) -> Option<Self> {
        (1..=Self::MAX).contains(&items).then_some(Self(items))
    }

    /// The number of items.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl Default for PageLimit {
    fn default() -> Self {
        Self(20)
    }
}

/// A cursor: the last item of a page. The next page begins after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// When the item was created.
    pub created_at: Timestamp,
    /// The item's id, as its type formats it.
    pub id: String,
}

impl Cursor {
    /// The cursor after the item with this creation time and id.
    pub fn of(created_at: Timestamp, id: &impl fmt::Display) -> Self {
        Self { created_at, id: id.to_string() }
    }
}

/// The text is not a cursor.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("must be a cursor of this list")]
pub struct CursorError;

/// Formats the cursor, opaque to clients: microseconds in hex, a dot, the id.
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}.{}", self.created_at.as_micros(), self.id)
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (micros, id) = text.split_once('.').ok_or(CursorError)?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        if micros.len() != 16 || micros.starts_with('+') || !(1..=64).contains(&id.len()) || !id.bytes().all(plain) {
            return Err(CursorError);
        }
        let micros = i64::from_str_radix(micros, 16).map_err(|_| CursorError)?;
        Ok(Self { created_at: Timestamp::from_micros(micros), id: id.to_owned() })
    }
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Start {
    /// At the newest item.
    #[default]
    Newest,
    /// After this item, which may have been deleted.
    After(Cursor),
    /// After this number of the newest items: 0 to 10,000.
    Offset(u32),
}

/// The request for a page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PageRequest {
    /// The maximum number of items.
    pub limit: PageLimit,
    /// Where the page begins.
    pub start: Start,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The items, newest first.
    pub items: Vec<T>,
    /// The cursor of the next page; `None` on the last page.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// Builds the page from up to `limit + 1` items: the extra item means that there is a next page.
    pub fn cut(mut items: Vec<T>, limit: PageLimit, cursor: impl Fn(&T) -> Cursor) -> Self {
        let limit = usize::try_from(limit.get()).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(cursor) } else { None };
        Self { items, next }
    }

    /// Maps the items of the page.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next: self.next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text_and_nothing_else_is_one() {
        let cursor = Cursor { created_at: Timestamp::from_secs(1_700_000_000), id: "job_00ff".to_owned() };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for wrong in ["", ".", "zz.x", "+000000000000001.x", "00060a24181e4000.", "00060a24181e4000.a b", "x"] {
            assert_eq!(wrong.parse::<Cursor>().map_err(|_| ()), Err(()), "{wrong:?}");
        }
    }
}
