//! Pages of a list: newest first, in the total order of (creation, id).

use crate::Timestamp;
use std::{fmt, str::FromStr};
use thiserror::Error;

/// How many items a page has at most: 1 to 100, 20 unless told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageLimit(u32);

impl PageLimit {
    /// The greatest page.
    pub const MAX: u32 = 100;

    /// `None` when `items` is not 1 to 100.
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

/// The last item of a page: the next page begins behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// When the item was made.
    pub created_at: Timestamp,
    /// Its id, as its type writes it.
    pub id: String,
}

impl Cursor {
    /// Behind the item that was made then and has this id.
    pub fn of(created_at: Timestamp, id: &impl fmt::Display) -> Self {
        Self { created_at, id: id.to_string() }
    }
}

/// The text is no cursor.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("must be a cursor of this list")]
pub struct CursorError;

/// Opaque to clients: microseconds in hex, a dot, the id.
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
    /// Behind this item, which need not exist any more.
    After(Cursor),
    /// After so many of the newest: 0 to 10,000.
    Offset(u32),
}

/// Which page is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PageRequest {
    /// How many items.
    pub limit: PageLimit,
    /// From where.
    pub start: Start,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The items, newest first.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// The page out of up to `limit + 1` items: one too many means that there is a next page.
    pub fn cut(mut items: Vec<T>, limit: PageLimit, cursor: impl Fn(&T) -> Cursor) -> Self {
        let limit = usize::try_from(limit.get()).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(cursor) } else { None };
        Self { items, next }
    }

    /// The same page of other things.
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
