//! Renders a document as Telegram HTML: bold, italic and code, and a symbol where other doors use colour.

use super::parts::{LinePieces, TextMark, html};
use dalston_command::{Block, Document, Span, Style, TextLine};

/// Renders the document as HTML messages: at least one.
pub fn markup(drawing: &Document) -> Vec<String> {
    let mut lines: Vec<LinePieces<'_>> = Vec::new();
    for block in &drawing.blocks {
        match block {
            Block::Heading(line) => {
                if !lines.is_empty() {
                    lines.push(Vec::new());
                }
                let strong = |(mark, text)| (if mark == TextMark::None { TextMark::Bold } else { mark }, text);
                lines.push(pieces(line).into_iter().map(strong).collect());
            }
            Block::Line(line) => lines.push(pieces(line)),
            Block::Fields(fields) => lines.extend(fields.iter().map(|(name, line)| field(name, line))),
            Block::Table { rows, .. } if rows.is_empty() => lines.push(vec![(TextMark::Italic, "(none)".into())]),
            // Phone screens are narrow: render each row as a group of lines, without its empty cells.
            Block::Table { head, rows } => {
                for row in rows {
                    if !lines.is_empty() {
                        lines.push(Vec::new());
                    }
                    let cells = head.iter().zip(row).filter(|(_, cell)| cell.iter().any(|span| !span.text.is_empty()));
                    lines.extend(cells.map(|(name, cell)| field(name, cell)));
                }
            }
        }
    }
    let parts = html(lines);
    if parts.is_empty() { html([vec![(TextMark::Italic, "(nothing)".into())]]) } else { parts }
}

fn field<'a>(name: &'a str, line: &'a TextLine) -> LinePieces<'a> {
    let mut field: LinePieces<'a> = vec![(TextMark::Bold, name.into()), (TextMark::None, ": ".into())];
    field.extend(pieces(line));
    field
}

fn pieces(line: &TextLine) -> LinePieces<'_> {
    // A line that already contains symbols gets none.
    let has_symbol = line.iter().any(|span| span.text.chars().any(|c| !c.is_ascii() && !c.is_alphanumeric()));
    let mut told = Style::Plain;
    let mut pieces = Vec::new();
    for Span { text, tone } in line {
        if !has_symbol && *tone != told && !text.trim().is_empty() {
            pieces.extend(symbol(*tone).map(|symbol| (TextMark::None, symbol.into())));
            told = *tone;
        }
        pieces.push((mark(*tone), text.as_str().into()));
    }
    pieces
}

const fn mark(tone: Style) -> TextMark {
    match tone {
        Style::Plain | Style::Good => TextMark::None,
        Style::Strong | Style::Warning | Style::Bad => TextMark::Bold,
        Style::Faint => TextMark::Italic,
        Style::Code => TextMark::Code,
    }
}

const fn symbol(tone: Style) -> Option<&'static str> {
    match tone {
        Style::Good => Some("✅ "),
        Style::Warning => Some("⚠️ "),
        Style::Bad => Some("❌ "),
        Style::Plain | Style::Strong | Style::Faint | Style::Code => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(spans: &[(Style, &str)]) -> TextLine {
        spans.iter().map(|(tone, text)| Span::new(*tone, text)).collect()
    }

    #[test]
    fn a_drawing_keeps_its_text_and_shows_its_tones() {
        let drawing = Document::default()
            .with(Block::Heading(line(&[(Style::Plain, "A <b>&_*")])))
            .with(Block::Line(line(&[(Style::Good, "healthy"), (Style::Plain, ", "), (Style::Bad, "down")])))
            .with(Block::Line(line(&[(Style::Good, "●●"), (Style::Bad, "full")])))
            .with(Block::Fields(vec![("id".to_owned(), line(&[(Style::Code, "x<y")]))]));
        let wanted =
            "<b>A &lt;b&gt;&amp;_*</b>\n✅ healthy, ❌ <b>down</b>\n●●<b>full</b>\n<b>id</b>: <code>x&lt;y</code>";
        assert_eq!(markup(&drawing), [wanted]);
    }

    #[test]
    fn a_row_of_a_table_is_a_group_of_lines() {
        let head = vec!["name".to_owned(), "limit".to_owned()];
        let row = |name: &str, limit: &str| vec![vec![Span::plain(name)], vec![Span::plain(limit)]];
        let table = Block::Table { head: head.clone(), rows: vec![row("one", "5"), row("two", "")] };
        let drawing = Document::default().with(table);
        assert_eq!(markup(&drawing), ["<b>name</b>: one\n<b>limit</b>: 5\n\n<b>name</b>: two"]);
        let none = Document::default().with(Block::Table { head, rows: Vec::new() });
        assert_eq!(markup(&none), ["<i>(none)</i>"]);
        assert_eq!(markup(&Document::default()), ["<i>(nothing)</i>"]);
    }
}
