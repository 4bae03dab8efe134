//! Command answers: the output, the issued secret, and paging.

use crate::{Command, CommandOutput, Document};
use dalston_model::{Cursor, Page, Timestamp};
use dalston_service::{IssuedSecret, ServiceError, ServiceResult, Transcript};
use serde::Serialize;
use serde_json::Value;
use std::io::{self, Write};

/// Maximum size of a page in bytes of JSON, unless its first item alone is larger. Bounds the memory held for a slow
/// client.
const MOST: usize = 1 << 20;

/// The answer of a command. A secret is never part of the output: each door delivers it in its own way, or not at all.
#[derive(Debug)]
pub struct CommandAnswer<T> {
    /// The output, the same JSON at every door.
    pub output: T,
    /// The secret that was made: of a key, or of a webhook.
    pub secret: Option<IssuedSecret>,
    /// The cursor of the next page.
    pub next: Option<Cursor>,
    /// Whether only a part of the request was carried out.
    pub partial: bool,
    /// The result of a job that is too long to stand in the output, where its summary does: a door that streams gives the
    /// whole in the place of `result`.
    pub long: Option<Transcript>,
}

impl<T> CommandAnswer<T> {
    /// Output and nothing else.
    pub const fn new(output: T) -> Self {
        Self { output, secret: None, next: None, partial: false, long: None }
    }
}

impl<V: Serialize> CommandAnswer<Vec<V>> {
    /// A page of a list, each item by its view, as [`CommandAnswer::list_as`] bounds it.
    pub fn list<T>(page: Page<T>, place: impl Fn(&T) -> Cursor) -> Self
    where
        V: for<'a> From<&'a T>,
    {
        Self::list_as(page, |item| V::from(item), place)
    }

    /// A page of a list, each item as `view` shows it. A page whose JSON would have more than 1 MiB ends earlier, and the
    /// next one begins behind the `place` of its last item.
    pub fn list_as<T>(page: Page<T>, view: impl Fn(&T) -> V, place: impl Fn(&T) -> Cursor) -> Self {
        let (mut output, mut bytes, mut next) = (Vec::with_capacity(page.items.len()), Bytes(0), page.next);
        let mut last = None;
        for item in &page.items {
            let seen = view(item);
            // It cannot fail: nothing is written anywhere, and values have names of text.
            let _ = serde_json::to_writer(&mut bytes, &seen);
            if bytes.0 > MOST && last.is_some() {
                next = last.map(place);
                break;
            }
            output.push(seen);
            last = Some(item);
        }
        Self { next, ..Self::new(output) }
    }
}

/// An answer of any command, with its type erased: its JSON, and what only its command knows of it.
pub struct AnyAnswer {
    /// The JSON that every door gives.
    pub data: Value,
    /// The secret that was made.
    pub secret: Option<IssuedSecret>,
    /// The cursor of the next page.
    pub next: Option<Cursor>,
    /// Whether only a part of the request was carried out.
    pub partial: bool,
    /// The result of a job that is too long to stand in the data.
    pub long: Option<Transcript>,
    /// The id of the thing that it shows, where it shows one that has an id.
    pub id: Option<String>,
    /// The ids of the things that it lists.
    pub ids: Vec<String>,
    /// Whether the command reports success. The command line turns this into its exit code.
    pub is_success: bool,
    render: Box<dyn Fn(Timestamp) -> Document + Send + Sync>,
}

impl AnyAnswer {
    /// Renders the answer for people, at the time `now`.
    pub fn render(&self, now: Timestamp) -> Document {
        (self.render)(now)
    }

    /// The answer of a command that ran here.
    pub(crate) fn of<C: Command>(answer: CommandAnswer<C::Output>) -> ServiceResult<Self> {
        let CommandAnswer { output, secret, next, partial, long } = answer;
        let data = serde_json::to_value(&output).map_err(|_| ServiceError::Internal)?;
        Ok(Self { secret, next, partial, long, ..Self::read::<C>(data, output) })
    }

    /// The answer of a command that is this JSON, and this output.
    pub(crate) fn read<C: Command>(data: Value, output: C::Output) -> Self {
        Self {
            data,
            secret: None,
            next: None,
            partial: false,
            long: None,
            id: output.id().map(str::to_owned),
            ids: output.ids().into_iter().map(str::to_owned).collect(),
            is_success: C::is_success(&output),
            render: Box::new(move |now| C::render(&output, now)),
        }
    }
}

/// Counts the bytes written.
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

    /// A text of so many bytes as JSON.
    #[derive(Debug, PartialEq, Serialize)]
    struct Text(String);

    impl From<&usize> for Text {
        fn from(bytes: &usize) -> Self {
            Self("a".repeat(bytes - 2))
        }
    }

    fn place(bytes: &impl ToString) -> Cursor {
        Cursor { created_at: Timestamp::from_secs(0), id: bytes.to_string() }
    }

    #[test]
    fn a_page_ends_where_its_json_has_a_mebibyte() {
        let half = MOST / 2;
        for (sizes, taken) in [
            (&[10, 10, 11][..], 3),
            (&[half, half, 11], 2),
            (&[half, half + 1, 11], 1),
            (&[MOST + 1, 11], 1),
            (&[10, MOST, 11], 1),
            (&[half, half - 10, 10], 3),
        ] {
            let next = sizes.last().map(place);
            let answer = CommandAnswer::<Vec<Text>>::list(Page { items: sizes.to_vec(), next }, place);
            assert_eq!(answer.output.len(), taken, "{sizes:?}");
            assert_eq!(answer.next.map(|next| next.id), Some(sizes[taken - 1].to_string()), "{sizes:?}");
        }
    }

    #[test]
    fn a_last_page_that_is_whole_is_the_last() {
        let answer = CommandAnswer::<Vec<Text>>::list(Page { items: vec![3, 4], next: None }, place);
        assert_eq!((answer.output, answer.next), (vec![Text("a".into()), Text("aa".into())], None));
    }
}
