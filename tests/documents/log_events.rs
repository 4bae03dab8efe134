//! The log events, read from the statements of the code.

use crate::house::product_sources;
use std::collections::BTreeMap;

/// The rows of the table of log events. Fails at a statement without an event, and at an event with two levels or two
/// messages.
pub(super) fn rows() -> String {
    let mut events = BTreeMap::new();
    for (_, path, text) in product_sources() {
        for level in ["error", "warn", "info", "debug", "trace"] {
            for rest in text.split(&format!("tracing::{level}!(")).skip(1) {
                let statement = statement(rest);
                let found = log_event(level, statement);
                let (event, level, message) =
                    found.unwrap_or_else(|| panic!("{}: no event = \"noun.verb\": {statement}", path.display()));
                let before = events.insert(event.clone(), (level.clone(), message.clone()));
                assert!(before.is_none_or(|it| it == (level, message)), "{event} is two events: {}", path.display());
            }
        }
    }
    let row =
        |(event, (level, message)): (&String, &(String, String))| format!("| `{event}` | {level} | {message} |\n");
    format!("| event | level | message |\n|---|---|---|\n{}", events.iter().map(row).collect::<String>())
}

/// A log event as its statement names it: event, level, message.
fn log_event(level: &str, statement: &str) -> Option<(String, String, String)> {
    let event = statement.split_once("event = \"")?.1.split_once('"')?.0;
    let message = statement.rsplit_once('"')?.0.rsplit_once('"')?.1;
    let (noun, verb) = event.split_once('.')?;
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    (is_word(noun) && is_word(verb)).then(|| (event.to_owned(), level.to_owned(), message.to_owned()))
}

/// Up to the parenthesis that closes the statement.
fn statement(text: &str) -> &str {
    let (mut depth, mut is_quoted, mut last) = (1, false, ' ');
    for (at, it) in text.char_indices() {
        match it {
            '"' if last != '\\' => is_quoted = !is_quoted,
            '(' if !is_quoted => depth += 1,
            ')' if !is_quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[..at];
        }
        last = it;
    }
    text
}
