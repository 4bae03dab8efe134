//! Answers on a terminal, in a pipe, as JSON, or as little as possible.

use crate::{door::Drawn, fault::Fault};
use comfy_table::{Cell, Color, Table, presets::UTF8_HORIZONTAL_ONLY};
use dalston_command::Row;
use serde_json::Value;
use std::{
    borrow::Cow,
    io::{self, Write},
};

/// How to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// For a person: tables, and colour if it is wanted.
    Terminal {
        /// Whether colour is wanted.
        colour: bool,
    },
    /// For a pipe: tabs between columns.
    Plain,
    /// The JSON of the command.
    Json,
    /// The secret alone, or ids.
    Quiet,
}

/// Draws the answer of a command.
pub(crate) fn answer(row: &Row, drawn: &Drawn, style: Style, out: &mut impl Write) -> Result<(), Fault> {
    match style {
        Style::Json => json(drawn, out)?,
        Style::Quiet => quiet(drawn, out)?,
        Style::Plain => plain(row, drawn, out)?,
        Style::Terminal { colour } => terminal(row, drawn, colour, out)?,
    }
    // Whoever reads standard output by program has not read all of the list either.
    if let Some(cursor) = &drawn.next {
        writeln!(io::stderr(), "There is more: --cursor {}", shown(cursor))?;
    }
    Ok(())
}

fn json(drawn: &Drawn, out: &mut impl Write) -> io::Result<()> {
    let mut data = drawn.data.clone();
    if let Some(secret) = &drawn.secret {
        data["key"] = secret.as_str().into();
    }
    writeln!(out, "{data:#}")
}

fn quiet(drawn: &Drawn, out: &mut impl Write) -> io::Result<()> {
    match (&drawn.secret, &drawn.data) {
        (Some(secret), _) => writeln!(out, "{secret}"),
        (None, Value::Array(items)) => items.iter().try_for_each(|item| writeln!(out, "{}", text(&item["id"]))),
        _ => Ok(()),
    }
}

fn plain(row: &Row, drawn: &Drawn, out: &mut impl Write) -> io::Result<()> {
    match &drawn.data {
        Value::Array(items) => {
            writeln!(out, "{}", row.columns.join("\t"))?;
            for item in items {
                let cells: Vec<String> = row.columns.iter().map(|column| text(&item[column])).collect();
                writeln!(out, "{}", cells.join("\t"))?;
            }
        }
        data => {
            for (name, value) in fields("", data) {
                writeln!(out, "{name}\t{value}")?;
            }
        }
    }
    if let Some(secret) = &drawn.secret {
        writeln!(out, "key\t{secret}")?;
    }
    Ok(())
}

fn terminal(row: &Row, drawn: &Drawn, colour: bool, out: &mut impl Write) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY);
    let head = |text: &str| if colour { Cell::new(text).fg(Color::Cyan) } else { Cell::new(text) };
    match &drawn.data {
        Value::Array(items) => {
            table.set_header(row.columns.iter().map(|column| head(column)));
            for item in items {
                table.add_row(row.columns.iter().map(|column| text(&item[column])));
            }
        }
        data => {
            for (name, value) in fields("", data) {
                table.add_row([head(&name), Cell::new(value)]);
            }
        }
    }
    writeln!(out, "{table}")?;
    match &drawn.secret {
        Some(secret) => writeln!(out, "\n  🔑 The secret (save this - shown only once!):\n\n     {secret}\n"),
        None => Ok(()),
    }
}

/// The fields of an object as lines, those of inner objects with a dot between.
fn fields(prefix: &str, data: &Value) -> Vec<(String, String)> {
    let Value::Object(object) = data else { return vec![(prefix.to_owned(), text(data))] };
    let inner = |(name, value): (&String, &Value)| {
        let name = shown(name);
        let name = if prefix.is_empty() { name.into_owned() } else { format!("{prefix}.{name}") };
        match value {
            Value::Object(object) if !object.is_empty() => fields(&name, value),
            Value::Array(items) if items.iter().any(Value::is_object) => {
                items.iter().map(|item| (name.clone(), summary(item))).collect()
            }
            value => vec![(name, text(value))],
        }
    };
    object.iter().flat_map(inner).collect()
}

/// An item of a list in one line: what it is called, and what it is for.
fn summary(item: &Value) -> String {
    let words = ["name", "method", "path", "date", "requests", "summary"];
    words.iter().map(|word| text(&item[word])).filter(|word| !word.is_empty()).collect::<Vec<_>>().join("  ")
}

/// A value as people read it. Whoever stored it wrote no control sequence for the terminal.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => shown(text).into_owned(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
        other => shown(&other.to_string()).into_owned(),
    }
}

/// The text with `\u{1b}` in place of what a terminal obeys, a line or column ends with, or nobody sees.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unseen) {
        return Cow::Borrowed(text);
    }
    let escaped = |c: char| if is_unseen(c) { c.escape_unicode().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(escaped).collect())
}

/// Control characters, separators of lines, and the characters of format: bidirectional, joining, of zero width.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use dalston_command::Registry;
    use serde_json::json;

    const BAD: &str = "a\u{1b}]0;owned\u{7}\n\t\u{9b}2J\u{202e}\u{200b}\u{2066}\u{feff}é";

    fn drawn(data: Value, row: &str, style: Style) -> String {
        let (registry, mut out) = (Registry::new(), Vec::new());
        let drawn = Drawn { data, secret: None, next: None };
        answer(registry.row(row).unwrap(), &drawn, style, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_stored_gives_the_terminal_no_orders() {
        let metadata = serde_json::Map::from_iter([(BAD.to_owned(), json!([BAD, {"inner": BAD}]))]);
        let key = json!({"id": "1", "name": BAD, "description": BAD, "metadata": metadata});
        for style in [Style::Plain, Style::Terminal { colour: false }, Style::Quiet] {
            for (data, row) in [(key.clone(), "keys.get"), (json!([key, {"id": BAD}]), "keys.list")] {
                let out = drawn(data, row, style);
                let lines = out.lines().flat_map(|line| line.split('\t'));
                for text in lines {
                    assert!(!text.contains(is_unseen), "{style:?} {text:?}");
                }
            }
        }
        let plain = drawn(key, "keys.get", Style::Plain);
        assert!(plain.contains("name\ta\\u{1b}]0;owned\\u{7}\\u{a}\\u{9}\\u{9b}2J\\u{202e}\\u{200b}"), "{plain}");
        assert!(plain.contains('é'));
    }

    #[test]
    fn json_stays_as_it_is() {
        let out = drawn(json!({"name": BAD}), "keys.get", Style::Json);
        assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["name"], BAD);
    }
}
