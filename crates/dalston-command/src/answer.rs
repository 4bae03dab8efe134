//! What a command answers: data, and beside it what does not belong into data.

use dalston_model::{Cursor, Page};
use dalston_service::{Secret, Transcript};
use serde_json::Value;
use std::io::{self, Write};

/// Bytes of JSON that a page has at most, unless its first item alone has more: what waits for a client that does not take
/// its answer is bounded.
const MOST: usize = 1 << 20;

/// An answer. A secret is never part of the data: each door hands it over in its own way, or not at all.
#[derive(Debug)]
pub struct Answer {
    /// The JSON that every door gives.
    pub data: Value,
    /// The secret that was made: of a key, or of a webhook.
    pub secret: Option<Secret>,
    /// Where the next page begins.
    pub next: Option<Cursor>,
    /// Whether only a part of what was asked for was done.
    pub partial: bool,
    /// The result of a job that is too long to stand in the data, where its summary does: a door that streams gives the
    /// whole in the place of `result`.
    pub long: Option<Transcript>,
}

impl Answer {
    /// Data and nothing else.
    pub const fn new(data: Value) -> Self {
        Self { data, secret: None, next: None, partial: false, long: None }
    }

    /// A page of a list, each item by its `view`. A page whose JSON would have more than 1 MiB ends earlier, and the next
    /// one begins behind the `place` of its last item.
    pub fn list<T>(page: Page<T>, view: impl Fn(&T) -> Value, place: impl Fn(&T) -> Cursor) -> Self {
        let (mut data, mut bytes, mut next) = (Vec::with_capacity(page.items.len()), Bytes(0), page.next);
        let mut last = None;
        for item in &page.items {
            let seen = view(item);
            // It cannot fail: nothing is written anywhere, and values have names of text.
            let _ = serde_json::to_writer(&mut bytes, &seen);
            if bytes.0 > MOST && last.is_some() {
                next = last.map(place);
                break;
            }
            data.push(seen);
            last = Some(item);
        }
        Self { next, ..Self::new(Value::Array(data)) }
    }
}

/// Counts what is written.
struct Bytes(usize);

impl Write for Bytes {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        self.0 += part.len();
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dalston_model::Timestamp;

    /// A page of items with so many bytes each, and more behind it.
    fn page(sizes: &[usize]) -> Answer {
        let items = sizes.iter().copied().enumerate().collect();
        let place = |number: usize| Cursor { created_at: Timestamp::from_secs(0), id: number.to_string() };
        let page = Page { items, next: Some(place(sizes.len() - 1)) };
        Answer::list(page, |(_, size)| "a".repeat(size - 2).into(), |(number, _)| place(*number))
    }

    #[test]
    fn a_page_ends_where_its_json_has_a_mebibyte() {
        let half = MOST / 2;
        for (sizes, taken) in [
            (&[10, 10, 10][..], 3),
            (&[half, half, 10], 2),
            (&[half, half + 1, 10], 1),
            (&[MOST + 1, 10], 1),
            (&[10, MOST, 10], 1),
            (&[half, half - 10, 10], 3),
        ] {
            let answer = page(sizes);
            assert_eq!(answer.data.as_array().map(Vec::len), Some(taken), "{sizes:?}");
            assert_eq!(answer.next.map(|next| next.id), Some((taken - 1).to_string()), "{sizes:?}");
        }
    }

    #[test]
    fn a_last_page_that_is_whole_is_the_last() {
        let page = Page { items: vec![1, 2], next: None };
        let place = |_: &i32| Cursor { created_at: Timestamp::from_secs(0), id: String::new() };
        let answer = Answer::list(page, |item| (*item).into(), place);
        assert_eq!((answer.data, answer.next), (serde_json::json!([1, 2]), None));
    }
}
