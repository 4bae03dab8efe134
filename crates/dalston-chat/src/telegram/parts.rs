//! Splits text into messages of the length that Telegram accepts, between lines where possible.

use std::borrow::Cow;

/// Maximum length of a message in UTF-16 code units.
pub(crate) const LONGEST: usize = 4_096;

/// The style of a piece of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextMark {
    None,
    Bold,
    Italic,
    Code,
}

impl TextMark {
    const fn tags(self) -> (&'static str, &'static str) {
        match self {
            Self::None => ("", ""),
            Self::Bold => ("<b>", "</b>"),
            Self::Italic => ("<i>", "</i>"),
            Self::Code => ("<code>", "</code>"),
        }
    }
}

/// A line as styled pieces.
pub(crate) type LinePieces<'a> = Vec<(TextMark, Cow<'a, str>)>;

/// Splits plain text into messages.
pub(crate) fn plain(text: &str) -> Vec<String> {
    let mut parts = MessageParts::new(|c| c.to_string().into());
    for line in text.split('\n') {
        parts.line(&vec![(TextMark::None, line.into())]);
    }
    parts.finish()
}

/// Renders lines as HTML messages.
pub(crate) fn html<'a>(lines: impl IntoIterator<Item = LinePieces<'a>>) -> Vec<String> {
    let mut parts = MessageParts::new(escaped);
    for line in lines {
        parts.line(&line);
    }
    parts.finish()
}

/// Escapes a character that would begin HTML markup.
fn escaped(c: char) -> Cow<'static, str> {
    match c {
        '&' => "&amp;".into(),
        '<' => "&lt;".into(),
        '>' => "&gt;".into(),
        c => c.to_string().into(),
    }
}

/// Builder of messages.
struct MessageParts {
    done: Vec<String>,
    current: String,
    /// The length of the current message in UTF-16 code units.
    units: usize,
    /// Whether the current message has a visible character: Telegram rejects empty messages.
    is_seen: bool,
    escape: fn(char) -> Cow<'static, str>,
}

impl MessageParts {
    const fn new(escape: fn(char) -> Cow<'static, str>) -> Self {
        Self { done: Vec::new(), current: String::new(), units: 0, is_seen: false, escape }
    }

    /// Appends a line. A line that fits into one message is not split.
    fn line(&mut self, pieces: &LinePieces<'_>) {
        let shown = |c: char| units(&(self.escape)(c));
        let length = |(mark, text): &(TextMark, Cow<'_, str>)| {
            let (open, close) = mark.tags();
            open.len() + text.chars().map(shown).sum::<usize>() + close.len()
        };
        let length: usize = pieces.iter().map(length).sum();
        let end_of_line = usize::from(self.units > 0);
        if self.units + end_of_line + length > LONGEST {
            self.cut();
        } else if end_of_line > 0 {
            self.push("\n");
        }
        for (mark, text) in pieces.iter().filter(|(_, text)| !text.is_empty()) {
            self.piece(*mark, text);
        }
    }

    fn piece(&mut self, mark: TextMark, text: &str) {
        let (open, close) = mark.tags();
        let mut is_open = false;
        for c in text.chars() {
            let shown = (self.escape)(c);
            let opening = if is_open { 0 } else { open.len() };
            if self.units + opening + units(&shown) + close.len() > LONGEST {
                if is_open {
                    self.push(close);
                    is_open = false;
                }
                self.cut();
            }
            if !is_open {
                self.push(open);
                is_open = true;
            }
            self.push(&shown);
            self.is_seen |= !c.is_whitespace();
        }
        self.push(close);
    }

    fn push(&mut self, text: &str) {
        self.current.push_str(text);
        self.units += units(text);
    }

    /// Ends the current message. Drops it if nothing in it is visible.
    fn cut(&mut self) {
        let message = std::mem::take(&mut self.current);
        if self.is_seen {
            self.done.push(message);
        }
        self.units = 0;
        self.is_seen = false;
    }

    fn finish(mut self) -> Vec<String> {
        self.cut();
        self.done
    }
}

fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    /// The text of a message. Panics if its markup is not balanced.
    fn read(part: &str) -> String {
        let (mut text, mut rest, mut open) = (String::new(), part, None);
        while let Some(at) = rest.find(['<', '&']) {
            text.push_str(&rest[..at]);
            let end = at + rest[at..].find(['>', ';']).expect("it ends") + 1;
            match &rest[at..end] {
                "&amp;" => text.push('&'),
                "&lt;" => text.push('<'),
                "&gt;" => text.push('>'),
                tag if tag.starts_with("</") => assert_eq!(open.take(), Some(tag[2..].to_owned()), "{part}"),
                tag => assert_eq!(open.replace(tag[1..].to_owned()), None, "{part}"),
            }
            rest = &rest[end..];
        }
        assert_eq!(open, None, "{part}");
        text + rest
    }

    fn seen(text: &str) -> String {
        text.chars().filter(|c| !c.is_whitespace()).collect()
    }

    fn mark() -> impl Strategy<Value = TextMark> {
        prop_oneof![Just(TextMark::None), Just(TextMark::Bold), Just(TextMark::Italic), Just(TextMark::Code)]
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            "\\PC{0,40}",
            "[&<>\"]{0,30}",
            Just(" ".repeat(5_000)),
            "[a&😀 ]{1,9}".prop_map(|text| text.repeat(900))
        ]
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_every_part_is_whole_and_fits(lines in vec(vec((mark(), text()), 0..5), 0..8)) {
            let pieces = |line: &Vec<(TextMark, String)>| line.iter().map(|(mark, text)| (*mark, text.clone().into())).collect();
            let parts = html(lines.iter().map(pieces).collect::<Vec<LinePieces<'_>>>());
            let mut told = String::new();
            for part in &parts {
                prop_assert!(units(part) <= LONGEST);
                let text = read(part);
                prop_assert!(!seen(&text).is_empty(), "an empty message");
                told.push_str(&seen(&text));
            }
            let said: String = lines.iter().flatten().map(|(_, text)| seen(text)).collect();
            prop_assert_eq!(told, said);
        }

        #[test]
        fn a_plain_text_is_sent_as_it_is(text in "(\\PC|\n){0,200}", times in 1_usize..60) {
            let text = text.repeat(times);
            let parts = plain(&text);
            prop_assert!(parts.iter().all(|part| units(part) <= LONGEST && !seen(part).is_empty()));
            prop_assert_eq!(seen(&parts.concat()), seen(&text));
        }
    }

    #[test]
    fn a_text_is_cut_between_lines() {
        let line = "x".repeat(3_000);
        assert_eq!(plain(&format!("{line}\n{line}\ny")), [line.clone(), format!("{line}\ny")]);
        let exactly = "😀".repeat(LONGEST / 2);
        assert_eq!(plain(&exactly), std::slice::from_ref(&exactly));
        assert_eq!(plain(&format!("{exactly}😀")).len(), 2);
        assert!(plain(" \n\n ").is_empty());
    }
}
