//! Documents for people: lines, fields and tables that each door renders in its own way.

use serde::Serialize;
use serde_json::Value;
use std::borrow::Cow;

/// The style of a span, shown by colour, by weight, or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// No emphasis.
    Plain,
    /// Emphasized.
    Strong,
    /// De-emphasized.
    Faint,
    /// A good state.
    Good,
    /// A state that needs attention.
    Warning,
    /// An error state.
    Bad,
    /// Text to be copied verbatim.
    Code,
}

/// A piece of text with its style.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The text, without control characters, line breaks or invisible characters.
    pub text: String,
    /// Its style.
    pub tone: Style,
}

/// A line of text.
pub type TextLine = Vec<Span>;

/// A part of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// A heading for the lines below.
    Heading(TextLine),
    /// A line.
    Line(TextLine),
    /// Names and values.
    Fields(Vec<(String, TextLine)>),
    /// Rows below a header.
    Table {
        /// Names of the columns.
        head: Vec<String>,
        /// Cells, row by row.
        rows: Vec<Vec<TextLine>>,
    },
}

/// A document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// The parts, from top to bottom.
    pub blocks: Vec<Block>,
}

impl Span {
    /// Returns a span of this style. Escapes the text ([`shown`]).
    pub fn new(tone: Style, text: &str) -> Self {
        Self { text: shown(text).into_owned(), tone }
    }

    /// Returns a span without emphasis.
    pub fn plain(text: &str) -> Self {
        Self::new(Style::Plain, text)
    }
}

impl Document {
    /// Returns a document of one plain line.
    pub fn line(text: &str) -> Self {
        Self { blocks: vec![Block::Line(vec![Span::plain(text)])] }
    }

    /// Returns a document of one table with this header.
    pub fn table(head: &[&str], rows: Vec<Vec<TextLine>>) -> Self {
        Self { blocks: vec![Block::Table { head: head.iter().map(|name| (*name).to_owned()).collect(), rows }] }
    }

    /// Returns a document for any JSON: a list as a table with these columns, an object as its fields.
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

    /// Returns the document of a command's output, by [`Document::of`] its JSON.
    pub fn of_output(output: &impl Serialize, columns: &[&str]) -> Self {
        // Serialization cannot fail: all outputs have text keys.
        Self::of(&serde_json::to_value(output).unwrap_or_default(), columns)
    }

    /// Returns the document with another block appended.
    #[must_use]
    pub fn with(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }

    /// Renders plain text without markup, for programs, language models and pipes.
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

/// Returns the fields of an object with their values as readable text. Names of nested fields are joined with a dot.
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

/// Formats an item of a list in one line: every field that has a value.
fn line(item: &Value) -> String {
    let fields = fields("", item).into_iter().filter(|(_, value)| !value.is_empty());
    let named = fields.map(|(name, value)| if name.is_empty() { value } else { format!("{name}={value}") });
    named.collect::<Vec<_>>().join("  ")
}

/// Formats a value as readable text. Escapes control characters, so that a stored value cannot send control sequences
/// to the terminal.
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => shown(text).into_owned(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
        other => shown(&other.to_string()).into_owned(),
    }
}

/// Formats a value as JSON in one line, for a person who makes a decision by it. Every character is visible, and two
/// different values never look the same, apart from similar letters.
pub fn exact(value: &Value) -> String {
    // An escape such as `\u{202e}` cannot be confused with the same text in the value: there the backslash would be
    // doubled.
    let escaped = |c: char| if is_unseen(c) || is_vague(c) { c.escape_unicode().to_string() } else { c.to_string() };
    value.to_string().chars().map(escaped).collect()
}

/// Escapes, as in `\u{1b}`, all characters that a terminal obeys, that end a line or column, or that are invisible.
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unseen) {
        return Cow::Borrowed(text);
    }
    let escaped = |c: char| if is_unseen(c) { c.escape_unicode().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(escaped).collect())
}

/// Formats the JSON with indentation and escapes, as in `\u001b`, what [`shown`] escapes. A program parses the same
/// value.
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

/// Returns whether the character is a control character, a line separator or a format character (bidirectional,
/// joining, zero width).
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Returns whether the character is a blank other than the space, a blank letter, or one that only changes its
/// neighbour's look.
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
        // A span leaves all escaped characters as they are.
        assert_eq!(Span::new(Style::Code, &exact(&value)).text, shown);
    }
}
