//! Terminal renderer: styles as colours, line wrapping, tables.

use comfy_table::{
    Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Table, Width, presets::UTF8_HORIZONTAL_ONLY,
};
use dalston_command::{Block, Document, Span, Style, TextLine};

/// Properties of the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// Whether to use colour.
    pub colour: bool,
    /// Width in columns.
    pub width: u16,
}

impl Terminal {
    /// Width of a terminal that does not report one.
    const WIDTH: u16 = 80;

    /// Returns the terminal on standard output. Some terminals report a width of 0.
    pub(crate) fn here(colour: bool) -> Self {
        Self { colour, width: Table::new().width().filter(|width| *width > 0).unwrap_or(Self::WIDTH) }
    }

    /// Returns the width of help text: that of the terminal, but at most 100 columns for readability.
    pub(crate) fn help_width() -> usize {
        Self::here(false).width.min(100).into()
    }

    /// Renders the document as text for this terminal.
    pub fn draw(self, drawing: &Document) -> String {
        let mut out = String::new();
        for block in &drawing.blocks {
            match block {
                Block::Heading(line) => {
                    if !out.is_empty() {
                        out.push('\n');
                    }
                    self.line(line, 0, 0, &mut out);
                }
                Block::Line(line) => {
                    let text = line.iter().flat_map(|span| span.text.chars());
                    self.line(line, 0, text.take_while(|c| *c == ' ').count(), &mut out);
                }
                Block::Fields(fields) => self.fields(fields, &mut out),
                Block::Table { head, rows } => self.table(head, rows, &mut out),
            }
        }
        out
    }

    /// Writes a line that starts at `column`. Continuation lines start at `indent`.
    fn line(self, line: &TextLine, column: usize, indent: usize, out: &mut String) {
        let mut pen = Pen { out, terminal: self, column, indent, tone: Style::Plain };
        for span in line {
            for word in span.text.split_inclusive(' ') {
                pen.word(span.tone, word);
            }
        }
        pen.end();
    }

    /// Writes names in one column and values in another.
    fn fields(self, fields: &[(String, TextLine)], out: &mut String) {
        let widest = fields.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default() + 2;
        for (name, value) in fields {
            let padded = format!("  {name:widest$}");
            let mut line = vec![Span::new(Style::Faint, &padded)];
            line.extend(value.iter().cloned());
            self.line(&line, 0, widest + 2, out);
        }
    }

    /// Writes a table, if no word has to be broken for it; otherwise each row as a list of fields.
    fn table(self, head: &[String], rows: &[Vec<TextLine>], out: &mut String) {
        let least = least(head, rows);
        // There is a separator between columns, but none after the last.
        let all: usize = least.iter().map(|column| usize::from(*column) + 1).sum();
        if rows.is_empty() {
            self.line(&vec![Span::new(Style::Faint, "(none)")], 0, 0, out);
        } else if all <= usize::from(self.width) + 1 {
            self.grid(head, rows, &least, out);
        } else {
            self.records(head, rows, out);
        }
    }

    /// Writes each row as its fields, with a blank line between rows.
    fn records(self, head: &[String], rows: &[Vec<TextLine>], out: &mut String) {
        for (index, row) in rows.iter().enumerate() {
            if index > 0 {
                out.push('\n');
            }
            let fields: Vec<(String, TextLine)> = head.iter().cloned().zip(row.iter().cloned()).collect();
            self.fields(&fields, out);
        }
    }

    fn grid(self, head: &[String], rows: &[Vec<TextLine>], least: &[u16], out: &mut String) {
        let mut table = Table::new();
        table.load_style(UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
        table
            .set_width(self.width)
            .set_header(head.iter().map(|name| self.cell(&vec![Span::new(Style::Strong, name)])));
        for row in rows {
            table.add_row(row.iter().map(|line| self.cell(line)));
        }
        if self.colour {
            table.enforce_styling()
        } else {
            table.force_no_tty()
        };
        for (column, least) in table.column_iter_mut().zip(least) {
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(*least)));
        }
        out.push_str(&table.to_string());
        out.push('\n');
    }

    /// Returns a table cell. A cell has a single style: the first one that is not plain.
    fn cell(self, line: &TextLine) -> Cell {
        let cell = Cell::new(line.iter().map(|span| span.text.as_str()).collect::<String>());
        match tone(line) {
            _ if !self.colour => cell,
            Style::Plain => cell,
            Style::Strong => cell.add_attribute(Attribute::Bold),
            Style::Faint => cell.add_attribute(Attribute::Dim),
            Style::Good => cell.fg(Color::DarkGreen),
            Style::Warning => cell.fg(Color::DarkYellow),
            Style::Bad => cell.fg(Color::DarkRed),
            Style::Code => cell.fg(Color::DarkCyan),
        }
    }
}

/// Padding of a cell: one column on each side.
const PADDING: u16 = 2;

/// Returns the width that each column of a table needs so that no word is broken.
fn least(head: &[String], rows: &[Vec<TextLine>]) -> Vec<u16> {
    let words = |text: String| text.split_whitespace().collect::<Vec<_>>().join("\n");
    let mut table = Table::new();
    table.set_header(head.iter().map(|name| words(name.clone())));
    for row in rows {
        table.add_row(row.iter().map(|line| words(line.iter().map(|span| span.text.as_str()).collect())));
    }
    table.column_max_content_widths().into_iter().map(|width| width.saturating_add(PADDING)).collect()
}

fn tone(line: &TextLine) -> Style {
    line.iter().map(|span| span.tone).find(|tone| *tone != Style::Plain).unwrap_or(Style::Plain)
}

/// Returns the escape sequence of a style (ECMA-48, "select graphic rendition").
const fn order(tone: Style) -> &'static str {
    match tone {
        Style::Plain => "",
        Style::Strong => "\u{1b}[1m",
        Style::Faint => "\u{1b}[2m",
        Style::Good => "\u{1b}[32m",
        Style::Warning => "\u{1b}[33m",
        Style::Bad => "\u{1b}[31m",
        Style::Code => "\u{1b}[36m",
    }
}

/// Writes words, and breaks lines at the width of the terminal.
struct Pen<'a> {
    out: &'a mut String,
    terminal: Terminal,
    column: usize,
    indent: usize,
    tone: Style,
}

impl Pen<'_> {
    fn word(&mut self, tone: Style, word: &str) {
        // One column is kept free for a comma that may follow.
        let is_full = self.column + word.trim_end().chars().count() >= usize::from(self.terminal.width);
        if is_full && self.column > self.indent && self.out.ends_with(' ') {
            self.end();
            self.out.push_str(&" ".repeat(self.indent));
            self.column = self.indent;
        }
        self.turn(tone);
        self.out.push_str(word);
        self.column += word.chars().count();
    }

    fn turn(&mut self, tone: Style) {
        if self.terminal.colour && tone != self.tone {
            if self.tone != Style::Plain {
                self.out.push_str("\u{1b}[0m");
            }
            self.out.push_str(order(tone));
        }
        self.tone = tone;
    }

    fn end(&mut self) {
        let written = self.out.trim_end_matches(' ').len();
        self.out.truncate(written);
        self.turn(Style::Plain);
        self.out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NARROW: Terminal = Terminal { colour: false, width: 22 };

    #[test]
    fn a_long_line_is_broken_between_words_and_keeps_its_indent() {
        let line = vec![Span::plain("  "), Span::new(Style::Strong, "one two three four five-and-twenty-six 7")];
        let drawing = Document { blocks: vec![Block::Line(line)] };
        assert_eq!(NARROW.draw(&drawing), "  one two three four\n  five-and-twenty-six\n  7\n");
        let coloured = Terminal { colour: true, ..NARROW }.draw(&drawing);
        assert!(coloured.starts_with("  \u{1b}[1mone two three four\u{1b}[0m\n  \u{1b}[1mfive"), "{coloured:?}");
        assert!(!NARROW.draw(&drawing).contains('\u{1b}'));
    }

    #[test]
    fn fields_stand_in_two_columns() {
        let field = |name: &str, text: &str| (name.to_owned(), vec![Span::plain(text)]);
        let fields = Block::Fields(vec![field("a", "one two three four"), field("long", "five")]);
        let drawn = NARROW.draw(&Document { blocks: vec![fields] });
        assert_eq!(drawn, "  a     one two three\n        four\n  long  five\n");
    }

    const ID: &str = "0192f0c1-2b7a-7c3e-9d41-5f6e7a8b9c0d";

    /// Returns a table of one row with a long text in the last column.
    fn keys() -> Document {
        let row =
            [ID, "dk_0123456", "Read only", "jobs:read, jobs:write", "never", "some words that are too long for it"];
        let row = row.map(|text| vec![Span::new(if text == ID { Style::Code } else { Style::Plain }, text)]);
        Document::table(&["id", "prefix", "name", "scopes", "last used", "text"], vec![row.to_vec()])
    }

    #[test]
    fn no_width_breaks_a_word_of_a_table() {
        for width in 1..200 {
            let drawn = Terminal { width, ..NARROW }.draw(&keys());
            for word in
                [ID, "dk_0123456", "Read", "only", "jobs:read,", "jobs:write", "never", "words", "last", "prefix"]
            {
                assert!(drawn.contains(word), "{word} at {width} in\n{drawn}");
            }
            // A record is broken only between words, so an id may exceed a narrow terminal.
            let longest = drawn.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(longest <= usize::from(width.max(50)), "{longest} at {width} in\n{drawn}");
        }
        assert!(Terminal { width: 120, ..NARROW }.draw(&keys()).contains('─'), "there is room for a table");
    }

    #[test]
    fn rows_that_do_not_fit_stand_one_below_the_other() {
        let row = |id: &str| vec![vec![Span::new(Style::Code, id)], vec![Span::plain("jobs:read")]];
        let table = Document::table(&["id", "scopes"], vec![row("0123456789abcdef"), row("fedcba9876543210")]);
        let drawn = NARROW.draw(&table);
        assert_eq!(
            drawn,
            "  id      0123456789abcdef\n  scopes  jobs:read\n\n  id      fedcba9876543210\n  scopes  jobs:read\n"
        );
        assert_eq!(NARROW.draw(&Document::table(&["id"], Vec::new())), "(none)\n");
    }
}
