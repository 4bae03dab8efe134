//! A drawing as the chat shows it: bold, italic and code, and a symbol where other doors have colour.

use super::parts::{Mark, Pieces, html};
use dalston_command::{Block, Drawing, Line, Span, Tone};

/// The drawing as messages of HTML: at least one.
pub fn markup(drawing: &Drawing) -> Vec<String> {
    let mut lines: Vec<Pieces<'_>> = Vec::new();
    for block in &drawing.blocks {
        match block {
            Block::Heading(line) => {
                if !lines.is_empty() {
                    lines.push(Vec::new());
                }
                let strong = |(mark, text)| (if mark == Mark::None { Mark::Bold } else { mark }, text);
                lines.push(pieces(line).into_iter().map(strong).collect());
            }
            Block::Line(line) => lines.push(pieces(line)),
            Block::Fields(fields) => lines.extend(fields.iter().map(|(name, line)| field(name, line))),
            Block::Table { rows, .. } if rows.is_empty() => lines.push(vec![(Mark::Italic, "(none)".into())]),
            // A phone is narrow: each row is a group of lines, its empty cells are left out.
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
    if parts.is_empty() { html([vec![(Mark::Italic, "(nothing)".into())]]) } else { parts }
}

fn field<'a>(name: &'a str, line: &'a Line) -> Pieces<'a> {
    let mut field: Pieces<'a> = vec![(Mark::Bold, name.into()), (Mark::None, ": ".into())];
    field.extend(pieces(line));
    field
}

fn pieces(line: &Line) -> Pieces<'_> {
    // A line that was drawn with symbols of its own needs none of ours.
    let has_symbol = line.iter().any(|span| span.text.chars().any(|c| !c.is_ascii() && !c.is_alphanumeric()));
    let mut told = Tone::Plain;
    let mut pieces = Vec::new();
    for Span { text, tone } in line {
        if !has_symbol && *tone != told && !text.trim().is_empty() {
            pieces.extend(symbol(*tone).map(|symbol| (Mark::None, symbol.into())));
            told = *tone;
        }
        pieces.push((mark(*tone), text.as_str().into()));
    }
    pieces
}

const fn mark(tone: Tone) -> Mark {
    match tone {
        Tone::Plain | Tone::Good => Mark::None,
        Tone::Strong | Tone::Warning | Tone::Bad => Mark::Bold,
        Tone::Faint => Mark::Italic,
        Tone::Code => Mark::Code,
    }
}

const fn symbol(tone: Tone) -> Option<&'static str> {
    match tone {
        Tone::Good => Some("✅ "),
        Tone::Warning => Some("⚠️ "),
        Tone::Bad => Some("❌ "),
        Tone::Plain | Tone::Strong | Tone::Faint | Tone::Code => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(spans: &[(Tone, &str)]) -> Line {
        spans.iter().map(|(tone, text)| Span::new(*tone, text)).collect()
    }

    #[test]
    fn a_drawing_keeps_its_text_and_shows_its_tones() {
        let drawing = Drawing::default()
            .with(Block::Heading(line(&[(Tone::Plain, "A <b>&_*")])))
            .with(Block::Line(line(&[(Tone::Good, "healthy"), (Tone::Plain, ", "), (Tone::Bad, "down")])))
            .with(Block::Line(line(&[(Tone::Good, "●●"), (Tone::Bad, "full")])))
            .with(Block::Fields(vec![("id".to_owned(), line(&[(Tone::Code, "x<y")]))]));
        let wanted =
            "<b>A &lt;b&gt;&amp;_*</b>\n✅ healthy, ❌ <b>down</b>\n●●<b>full</b>\n<b>id</b>: <code>x&lt;y</code>";
        assert_eq!(markup(&drawing), [wanted]);
    }

    #[test]
    fn a_row_of_a_table_is_a_group_of_lines() {
        let head = vec!["name".to_owned(), "limit".to_owned()];
        let row = |name: &str, limit: &str| vec![vec![Span::plain(name)], vec![Span::plain(limit)]];
        let table = Block::Table { head: head.clone(), rows: vec![row("one", "5"), row("two", "")] };
        let drawing = Drawing::default().with(table);
        assert_eq!(markup(&drawing), ["<b>name</b>: one\n<b>limit</b>: 5\n\n<b>name</b>: two"]);
        let none = Drawing::default().with(Block::Table { head, rows: Vec::new() });
        assert_eq!(markup(&none), ["<i>(none)</i>"]);
        assert_eq!(markup(&Drawing::default()), ["<i>(nothing)</i>"]);
    }
}
