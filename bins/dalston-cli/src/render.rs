//! Renders answers for a terminal, a pipe, as JSON, or in quiet mode.

use crate::{drawn::RenderedAnswer, style::OutputStyle, terminal::Terminal};
use dalston_command::{CommandSpec, fields, shown, shown_json, text};
use dalston_model::{Clock, SystemClock};
use serde_json::Value;
use std::io::{self, Write};

/// Writes the answer of a command in the given style.
pub(crate) fn answer(
    row: &CommandSpec,
    drawn: &RenderedAnswer,
    style: OutputStyle,
    out: &mut impl Write,
) -> io::Result<()> {
    match style {
        OutputStyle::Json => json(drawn, out),
        OutputStyle::Quiet => quiet(drawn, out),
        OutputStyle::Plain if row.is_text => writeln!(out, "{}", drawn.answer.render(SystemClock.now()).plain()),
        OutputStyle::Plain => plain(row, drawn, out),
        OutputStyle::Terminal(terminal) => for_people(drawn, terminal, out),
    }
}

fn json(drawn: &RenderedAnswer, out: &mut impl Write) -> io::Result<()> {
    let mut data = drawn.answer.data.clone();
    if let Some((name, secret)) = &drawn.secret {
        data[*name] = secret.as_str().into();
    }
    writeln!(out, "{}", shown_json(&data))
}

fn quiet(drawn: &RenderedAnswer, out: &mut impl Write) -> io::Result<()> {
    match &drawn.secret {
        Some((_, secret)) => writeln!(out, "{secret}"),
        None => drawn.answer.ids.iter().try_for_each(|id| writeln!(out, "{}", shown(id))),
    }
}

fn plain(row: &CommandSpec, drawn: &RenderedAnswer, out: &mut impl Write) -> io::Result<()> {
    match &drawn.answer.data {
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

fn for_people(drawn: &RenderedAnswer, terminal: Terminal, out: &mut impl Write) -> io::Result<()> {
    out.write_all(terminal.draw(&drawn.answer.render(SystemClock.now())).as_bytes())?;
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

    fn drawn(data: Value, row: &str, style: OutputStyle) -> String {
        let (registry, mut out) = (Registry::new(), Vec::new());
        let row = registry.row(row).unwrap();
        let drawn = RenderedAnswer { answer: row.read(data).unwrap(), secret: None, next: None };
        answer(row, &drawn, style, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// Returns a key with this id and metadata, and hostile text in all other fields.
    fn key(id: &str, metadata: &Value) -> Value {
        json!({
            "id": id, "prefix": BAD, "name": BAD, "description": BAD, "tenant_id": BAD, "scopes": [BAD], "enabled": true,
            "created_at": "2026-01-01T00:00:00Z", "created_by": BAD, "metadata": metadata,
        })
    }

    #[test]
    fn what_is_stored_gives_the_terminal_no_orders() {
        let metadata = serde_json::Map::from_iter([(BAD.to_owned(), json!([BAD, {"inner": BAD}]))]);
        let (first, second) = (key("1", &metadata.into()), key(BAD, &json!({})));
        for style in
            [OutputStyle::Plain, OutputStyle::Terminal(Terminal { colour: false, width: 200 }), OutputStyle::Quiet]
        {
            for (data, row) in [(first.clone(), "keys.get"), (json!([first, second]), "keys.list")] {
                let out = drawn(data, row, style);
                let lines = out.lines().flat_map(|line| line.split('\t'));
                for text in lines {
                    assert_eq!(shown(text), text, "{style:?}");
                }
            }
        }
        let plain = drawn(first, "keys.get", OutputStyle::Plain);
        assert!(plain.contains("name\ta\\u{1b}]0;owned\\u{7}\\u{a}\\u{9}\\u{9b}2J\\u{202e}\\u{200b}"), "{plain}");
        assert!(plain.contains('é'));
    }

    #[test]
    fn json_stays_as_it_is() {
        let out = drawn(key("1", &json!({})), "keys.get", OutputStyle::Json);
        assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["name"], BAD);
        for line in out.lines() {
            assert_eq!(shown(line), line);
        }
    }
}
