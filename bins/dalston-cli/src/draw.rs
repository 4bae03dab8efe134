//! Answers on a terminal, in a pipe, as JSON, or as little as possible.

use crate::{door::Drawn, fault::Fault};
use comfy_table::{Cell, Color, Table, presets::UTF8_HORIZONTAL_ONLY};
use dalston_command::Row;
use serde_json::Value;
use std::io::{self, Write};

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
    if let (Some(cursor), Style::Plain | Style::Terminal { .. }) = (&drawn.next, style) {
        writeln!(io::stderr(), "There is more: --cursor {cursor}")?;
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
        let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
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

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
