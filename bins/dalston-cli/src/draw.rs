//! Answers on a terminal, in a pipe, as JSON, or as little as possible.

use crate::{door::Drawn, terminal::Terminal};
use dalston_command::{Row, fields, shown_json, text};
use dalston_model::{Clock, SystemClock};
use serde_json::Value;
use std::io::{self, Write};

/// How to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// For a person: tables, and colour if it is wanted.
    Terminal(Terminal),
    /// For a pipe: tabs between columns.
    Plain,
    /// The JSON of the command.
    Json,
    /// The secret alone, or ids.
    Quiet,
}

/// Draws the answer of a command.
pub(crate) fn answer(row: &Row, drawn: &Drawn, style: Style, out: &mut impl Write) -> io::Result<()> {
    match style {
        Style::Json => json(drawn, out),
        Style::Quiet => quiet(drawn, out),
        Style::Plain if row.is_text => writeln!(out, "{}", row.draw(&drawn.data, SystemClock.now()).plain()),
        Style::Plain => plain(row, drawn, out),
        Style::Terminal(terminal) => for_people(row, drawn, terminal, out),
    }
}

fn json(drawn: &Drawn, out: &mut impl Write) -> io::Result<()> {
    let mut data = drawn.data.clone();
    if let Some((name, secret)) = &drawn.secret {
        data[*name] = secret.as_str().into();
    }
    writeln!(out, "{}", shown_json(&data))
}

fn quiet(drawn: &Drawn, out: &mut impl Write) -> io::Result<()> {
    match (&drawn.secret, &drawn.data) {
        (Some((_, secret)), _) => writeln!(out, "{secret}"),
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
    if let Some((name, secret)) = &drawn.secret {
        writeln!(out, "{name}\t{secret}")?;
    }
    Ok(())
}

fn for_people(row: &Row, drawn: &Drawn, terminal: Terminal, out: &mut impl Write) -> io::Result<()> {
    out.write_all(terminal.draw(&row.draw(&drawn.data, SystemClock.now())).as_bytes())?;
    match &drawn.secret {
        Some((_, secret)) => writeln!(out, "\n  🔑 The secret (save this - shown only once!):\n\n     {secret}\n"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dalston_command::{Registry, shown};
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
        for style in [Style::Plain, Style::Terminal(Terminal { colour: false, width: 200 }), Style::Quiet] {
            for (data, row) in [(key.clone(), "keys.get"), (json!([key, {"id": BAD}]), "keys.list")] {
                let out = drawn(data, row, style);
                let lines = out.lines().flat_map(|line| line.split('\t'));
                for text in lines {
                    assert_eq!(shown(text), text, "{style:?}");
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
        for line in out.lines() {
            assert_eq!(shown(line), line);
        }
    }
}
