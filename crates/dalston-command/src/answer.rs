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
    /// The secret that was issued: a key's or a webhook's.
    pub secret: Option<IssuedSecret>,
    /// Cursor of the next page.
    pub next: Option<Cursor>,
    /// Whether only a part of the request was carried out.
    pub partial: bool,
    /// The result of a job that is too long for the output, which then holds its summary. A door that streams sends the
    /// full transcript in the place of `result`.
    pub long: Option<Transcript>,
}

impl<T> CommandAnswer<T> {
    /// Returns an answer with only an output.
    pub const fn new(output: T) -> Self {
        Self { output, secret: None, next: None, partial: false, long: None }
    }
}

impl<V: Serialize> CommandAnswer<Vec<V>> {
    /// Returns a page of a list, converting each item to its view. The size limit of [`CommandAnswer::list_as`]
    /// applies.
    pub fn list<T>(page: Page<T>, place: impl Fn(&T) -> Cursor) -> Self
    where
        V: for<'a> From<&'a T>,
    {
        Self::list_as(page, |item| V::from(item), place)
    }

    /// Returns a page of a list, converting each item with `view`. A page whose JSON would exceed 1 MiB ends earlier,
    /// and the next one begins after the `place` of its last item.
    pub fn list_as<T>(page: Page<T>, view: impl Fn(&T) -> V, place: impl Fn(&T) -> Cursor) -> Self {
        let (mut output, mut bytes, mut next) = (Vec::with_capacity(page.items.len()), Bytes(0), page.next);
        let mut last = None;
        for item in &page.items {
            let seen = view(item);
            // Serialization cannot fail: the writer only counts, and all values have text keys.
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

/// The type-erased answer of any command: its JSON, and the properties that only its command can derive.
pub struct AnyAnswer {
    /// The JSON, the same at every door.
    pub data: Value,
    /// The secret that was issued.
    pub secret: Option<IssuedSecret>,
    /// Cursor of the next page.
    pub next: Option<Cursor>,
    /// Whether only a part of the request was carried out.
    pub partial: bool,
    /// The result of a job that is too long for the JSON.
    pub long: Option<Transcript>,
    /// Id of the resource in the output, if it has one.
    pub id: Option<String>,
    /// Ids of the listed resources.
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

    /// Returns the answer of a command that ran in this process.
    pub(crate) fn of<C: Command>(answer: CommandAnswer<C::Output>) -> ServiceResult<Self> {
        let CommandAnswer { output, secret, next, partial, long } = answer;
        let data = serde_json::to_value(&output).map_err(|_| ServiceError::Internal)?;
        Ok(Self { secret, next, partial, long, ..Self::read::<C>(data, output) })
    }

    /// Returns the answer of a command, given its JSON and the output parsed from it.
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

    /// A text that takes this many bytes as JSON.
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
