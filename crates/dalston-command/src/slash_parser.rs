//! Parser of slash commands: `/keys_create name="Read only" scopes=jobs:read`.

use crate::{Arguments, CommandSpec, Registry, coerce};
use dalston_auth::FieldError;
use dalston_service::{ServiceError, ServiceResult};

impl Registry {
    /// Parses a slash command: the command's name with `_` for `.`, then words `name=value`, quoted as in a shell. The
    /// value of a single required argument may be given without its name. Ignores a `@bot` suffix of the name.
    pub fn read_line(&self, line: &str) -> ServiceResult<(&CommandSpec, Arguments)> {
        let words = words(line).ok_or(ServiceError::Malformed("A quotation mark is not closed"))?;
        let mut words = words.into_iter();
        let first = words.next().unwrap_or_default();
        let name = first.text.strip_prefix('/').unwrap_or_default().split('@').next().unwrap_or_default();
        // Phone keyboards capitalize the first letter.
        let name = name.to_ascii_lowercase();
        let row = self.rows().iter().find(|row| row.name.replace('.', "_") == name || row.name == name);
        let row = row.ok_or(ServiceError::NotFound("Command"))?;
        let mut arguments = Arguments::new();
        for word in words {
            let (name, text) = match word.name() {
                Some(name) => (name.to_owned(), &word.text[name.len() + 1..]),
                None => match row.lone_parameter() {
                    Some(only) => (only.name.clone(), word.text.as_str()),
                    None => return Err(ServiceError::Malformed("Arguments are written name=value")),
                },
            };
            let value = row.parameter(&name).map_or(text.into(), |parameter| coerce(&parameter.schema, text));
            if arguments.insert(name.clone(), value).is_some() {
                return Err(ServiceError::Invalid(vec![FieldError::new(name, "is given twice")]));
            }
        }
        Ok((row, arguments))
    }
}

/// Splits a command line into words as a shell does, without any expansion. Returns `None` when a quotation mark is not
/// closed.
pub fn split(line: &str) -> Option<Vec<String>> {
    Some(words(line)?.into_iter().map(|word| word.text).collect())
}

/// A word of the line, and the length of its beginning that was outside quotation marks.
#[derive(Default)]
struct SlashWord {
    text: String,
    bare: usize,
}

impl SlashWord {
    /// Returns the name before `=`, if both were outside quotation marks and the name is valid.
    fn name(&self) -> Option<&str> {
        let (name, _) = self.text.get(..self.bare)?.split_once('=')?;
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        (!name.is_empty() && name.bytes().all(plain)).then_some(name)
    }
}

/// Splits a line into words as a shell does.
///
/// Single quotes keep everything literally; double quotes and unquoted text use a backslash to escape the next
/// character. The curly marks and guillemets that phones write are quotation marks too, each closed by any mark of its
/// kind. Behind a letter of an unquoted word `’` is an apostrophe. Returns `None` when a quotation mark is not closed.
fn words(line: &str) -> Option<Vec<SlashWord>> {
    let mut words = Vec::new();
    let mut word: Option<SlashWord> = None;
    let (mut quote, mut was_quoted) = (None, false);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if is_closed(open, c) => quote = None,
            (None, c) if is_quote(c) && !is_apostrophe(word.as_ref(), c) => {
                quote = Some(c);
                was_quoted = true;
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => {
                words.extend(word.take());
                was_quoted = false;
            }
            (quote, c) => {
                let is_escape = c == '\\' && quote.is_none_or(|open| open == '"' || DOUBLE.contains(&open));
                let c = if is_escape { chars.next()? } else { c };
                let word = word.get_or_insert_default();
                word.text.push(c);
                if !was_quoted {
                    word.bare = word.text.len();
                }
            }
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// Double quotation marks as phones write them.
const DOUBLE: [char; 6] = ['“', '”', '„', '‟', '«', '»'];
/// Single quotation marks as phones write them.
const SINGLE: [char; 6] = ['‘', '’', '‚', '‛', '‹', '›'];

/// Returns whether the mark is within a word, as in `Don’t`.
fn is_apostrophe(word: Option<&SlashWord>, mark: char) -> bool {
    mark == '’' && word.is_some_and(|word| word.text.ends_with(char::is_alphanumeric))
}

fn is_quote(c: char) -> bool {
    matches!(c, '\'' | '"') || DOUBLE.contains(&c) || SINGLE.contains(&c)
}

/// Returns whether the mark closes the open one. A plain mark is closed only by itself, so that it may enclose curly
/// ones.
fn is_closed(open: char, mark: char) -> bool {
    open == mark || [DOUBLE, SINGLE].iter().any(|kind| kind.contains(&open) && kind.contains(&mark))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(line: &str) -> Result<(&'static str, serde_json::Value), ServiceError> {
        let registry = Registry::new();
        registry.read_line(line).map(|(row, arguments)| (row.name, json!(arguments)))
    }

    #[test]
    fn slash_text_is_a_command_and_its_arguments() {
        let create = read(r#"/keys_create name="Read only" scopes=jobs:read,realtime rate_limit=5"#).unwrap();
        let wanted = json!({"name": "Read only", "scopes": ["jobs:read", "realtime"], "rate_limit": 5});
        assert_eq!(create, ("keys.create", wanted));
        assert_eq!(read("/status").unwrap(), ("status", json!({})));
        assert_eq!(read("/status@dalston_bot").unwrap(), ("status", json!({})));
        assert_eq!(read("/keys.revoke 'a b'").unwrap(), ("keys.revoke", json!({"key_id": "a b"})));
        assert_eq!(read(r"/keys_create a\ b").unwrap(), ("keys.create", json!({"name": "a b"})));
        for quoted in [
            "“Read only”",
            "„Read only“",
            "‘Read only’",
            "”Read only”",
            "’Read only’",
            "«Read only»",
            "« Read only »",
            "«\u{a0}Read only\u{a0}»",
            "»Read only«",
            "‹Read only›",
            "\"Read only\"",
        ] {
            let line = format!("/Keys_Create name={quoted} scopes=jobs:read");
            assert_eq!(read(&line).unwrap().1["name"].as_str().unwrap().trim(), "Read only", "{line}");
        }
        for (line, name) in [
            ("/keys_create name=Anna’s", "Anna’s"),
            ("/keys_create Anna’s scopes=jobs:read", "Anna’s"),
            ("/keys_create name=“Anna’s key”", "Anna’s key"),
            ("/keys_create name=l’été", "l’été"),
        ] {
            assert_eq!(read(line).unwrap().1["name"], name, "{line}");
        }
        assert_eq!(read("/keys_create \"Anna’s “own”\"").unwrap().1["name"], "Anna’s “own”");
        assert!(matches!(read("/keys_create “Read only\""), Err(ServiceError::Malformed(_))));
        assert_eq!(read("/STATUS").unwrap(), ("status", json!({})));
        assert_eq!(read(r#"/keys_create "a=b""#).unwrap(), ("keys.create", json!({"name": "a=b"})));
    }

    #[test]
    fn what_is_no_command_is_said_to_be_none() {
        assert_eq!(read("/version").unwrap_err(), ServiceError::NotFound("Command"));
        assert_eq!(read("status").unwrap_err(), ServiceError::NotFound("Command"));
        assert_eq!(read("").unwrap_err(), ServiceError::NotFound("Command"));
        assert!(matches!(read("/keys_create 'a"), Err(ServiceError::Malformed(_))));
        assert!(matches!(read("/keys_create name=a name=b"), Err(ServiceError::Invalid(_))));
        assert!(matches!(read("/keys_list 5"), Err(ServiceError::Malformed(_))));
    }
}
