//! Documents for people: lines, fields and tables that each door renders in its own way.

use serde::Serialize;
use serde_json::Value;
use std::borrow::Cow;

/// The style of a span, shown by colour, by weight, or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Nothing in particular.
    Plain,
    /// What the eye should find.
    Strong,
    /// What it may pass over.
    Faint,
    /// All is well.
    Good,
    /// Worth a look.
    Warning,
    /// Something is wrong.
    Bad,
    /// To be copied as it stands.
    Code,
}

/// A piece of text with its meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The text: no character in it moves a cursor, ends a line or hides.
    pub text: String,
    /// Its meaning.
    pub tone: Style,
}

/// A line of text.
pub type TextLine = Vec<Span>;

/// A part of a drawing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// What the lines below are about.
    Heading(TextLine),
    /// A line.
    Line(TextLine),
    /// Names with their values.
    Fields(Vec<(String, TextLine)>),
    /// Rows under a head.
    Table {
        /// The names of the columns.
        head: Vec<String>,
        /// The cells, row by row.
        rows: Vec<Vec<TextLine>>,
    },
}

/// A document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// Its parts, from the top.
    pub blocks: Vec<Block>,
}

impl Span {
    /// A span of this tone.
    pub fn new(tone: Style, text: &str) -> Self {
        Self { text: shown(text).into_owned(), tone }
    }

    /// A span of no particular meaning.
    pub fn plain(text: &str) -> Self {
        Self::new(Style::Plain, text)
    }
}

impl Document {
    /// One line of no particular meaning.
    pub fn line(text: &str) -> Self {
        Self { blocks: vec![Block::Line(vec![Span::plain(text)])] }
    }

    /// A table with this head.
    pub fn table(head: &[&str], rows: Vec<Vec<TextLine>>) -> Self {
        Self { blocks: vec![Block::Table { head: head.iter().map(|name| (*name).to_owned()).collect(), rows }] }
    }

    /// Any JSON: a list as a table of these columns, an object as its fields.
    pub fn of(data: &Value, columns: &[&str]) -> Self {
        let cell = |value: &Value| vec![Span::plain(&text(value))];
        match data {
            Value::Array(items) => {
                let row = |item: &Value| columns.iter().map(|column| cell(&item[column])).collect();
                Self::table(columns, items.iter().map(row).collect())
            }
            data => {
                let fields = fields("", data).into_iter().map(|(name, value)| (name, vec![Span::plain(&value)]));
                Self { blocks: vec![Block::Fields(fields.collect())] }
            }
        }
    }

    /// The output of a command as [`Document::of`] its JSON.
    pub fn of_output(output: &impl Serialize, columns: &[&str]) -> Self {
        // It cannot fail: whatever we put out has names of text.
        Self::of(&serde_json::to_value(output).unwrap_or_default(), columns)
    }

    /// The drawing with another part below.
    #[must_use]
    pub fn with(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }

    /// Renders plain text without markup: for programs, models and pipes.
    pub fn plain(&self) -> String {
        let mut out = String::new();
        for block in &self.blocks {
            if matches!(block, Block::Heading(_)) && !out.is_empty() {
                out.push('\n');
            }
            let lines: Vec<String> = match block {
                Block::Heading(line) | Block::Line(line) => vec![flat(line)],
                Block::Fields(fields) => fields.iter().map(|(name, line)| format!("{name}: {}", flat(line))).collect(),
                Block::Table { rows, .. } if rows.is_empty() => vec!["(none)".to_owned()],
                Block::Table { head, rows } => {
                    let rows = rows.iter().map(|row| row.iter().map(flat).collect::<Vec<_>>().join(" | "));
                    std::iter::once(head.join(" | ")).chain(rows).collect()
                }
            };
            for line in lines {
                out.push_str(line.trim_end());
                out.push('\n');
            }
        }
        out.truncate(out.trim_end().len());
        out
    }
}

fn flat(line: &TextLine) -> String {
    line.iter().map(|span| span.text.as_str()).collect()
}

/// The fields of an object with their values as people read them, those of inner objects with a dot between.
pub fn fields(prefix: &str, data: &Value) -> Vec<(String, String)> {
    let Value::Object(object) = data else { return vec![(prefix.to_owned(), text(data))] };
    let inner = |(name, value): (&String, &Value)| {
        let name = shown(name);
        let name = if prefix.is_empty() { name.into_owned() } else { format!("{prefix}.{name}") };
        match value {
            Value::Object(object) if !object.is_empty() => fields(&name, value),
            Value::Array(items) if items.iter().any(Value::is_object) => {
                items.iter().map(|item| (name.clone(), line(item))).collect()
            }
            value => vec![(name, text(value))],
        }
    };
    object.iter().flat_map(inner).collect()
}

/// An item of a list in one line: each of its fields that has a value.
fn line(item: &Value) -> String {
    let fields = fields("", item).into_iter().filter(|(_, value)| !value.is_empty());
    let named = fields.map(|(name, value)| if name.is_empty() { value } else { format!("{name}={value}") });
    named.collect::<Vec<_>>().join("  ")
}

/// A value as people read it. Whoever stored it wrote no control sequence for the terminal.
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => shown(text).into_owned(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
        other => shown(&other.to_string()).into_owned(),
    }
}

/// A value as JSON in one line, for somebody who decides by it: each character is seen, and no two values look alike
/// but by the likeness of letters.
pub fn exact(value: &Value) -> String {
    // `\u{202e}` in place of a character cannot be a text of the value: its backslash would be doubled.
    let escaped = |c: char| if is_unseen(c) || is_vague(c) { c.escape_unicode().to_string() } else { c.to_string() };
    value.to_string().chars().map(escaped).collect()
}

/// The text with `\u{1b}` in place of what a terminal obeys, a line or column ends with, or nobody sees.
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unseen) {
        return Cow::Borrowed(text);
    }
    let escaped = |c: char| if is_unseen(c) { c.escape_unicode().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(escaped).collect())
}

/// The JSON, indented, with `\u001b` in place of what [`shown`] escapes: to a program it is the same.
pub fn shown_json(data: &Value) -> String {
    let mut text = String::new();
    for c in format!("{data:#}").chars() {
        if c == '\n' || !is_unseen(c) {
            text.push(c);
        } else {
            text.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    text
}

/// Control characters, separators of lines, and the characters of format: bidirectional, joining, of zero width.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Blanks that are not the space, letters that are blank, and what only changes how its neighbour looks.
fn is_vague(c: char) -> bool {
    (c.is_whitespace() && c != ' ')
        || matches!(c,
            '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{2800}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0080}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_list_of_objects_loses_no_figure() {
        let days = json!([
            {"date": "2026-11-29", "audio_seconds": {"jobs": 13384.2, "streams": 2}, "note": null, "tags": ["a", "b"]},
            {"date": "2026-11-28", "audio_seconds": {"jobs": 0, "streams": 0.5}, "of": [{"a": 1}, {"b": [{"c": 2}]}]},
            7,
        ]);
        let told = fields("", &json!({"days": days, "none": [], "empty": {}}));
        let told: Vec<(&str, &str)> = told.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(
            told,
            [
                ("days", "date=2026-11-29  audio_seconds.jobs=13384.2  audio_seconds.streams=2  tags=a,b"),
                ("days", "date=2026-11-28  audio_seconds.jobs=0  audio_seconds.streams=0.5  of=a=1  of=b=c=2"),
                ("days", "7"),
                ("none", ""),
                ("empty", "{}"),
            ]
        );
    }

    #[test]
    fn what_is_decided_by_is_seen_whole() {
        let value =
            json!({"a": ["x,y", "x", null, 1, "1", ""], "b": "line\nnext\u{202e}\u{200b}\u{a0}\u{3164}\u{fe0f}é "});
        let shown = r#"{"a":["x,y","x",null,1,"1",""],"b":"line\nnext\u{202e}\u{200b}\u{a0}\u{3164}\u{fe0f}é "}"#;
        assert_eq!(exact(&value), shown);
        assert_eq!(exact(&json!("\\u{202e}")), r#""\\u{202e}""#, "written out it is another text");
        // Each of them in a span, which leaves it as it is.
        assert_eq!(Span::new(Style::Code, &exact(&value)).text, shown);
    }
}
