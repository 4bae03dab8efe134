//! The blank line, with which the head of each request ends.

use memchr::{memchr_iter, memmem::Finder};

/// A head has at least so many bytes before its blank line: `A / HTTP/1.1`. Fewer, or line ends alone, are none.
const SHORTEST: usize = 12;

/// Looks for the blank lines of heads in bytes that come in pieces. Lines end with CRLF or with LF alone, as the parser
/// takes both. Bodies have blank lines too, which are not told apart from those of heads.
pub(super) struct BlankLine {
    /// The last two bytes before the piece.
    before: [u8; 2],
    /// Bytes before the piece and since the last blank line, without the line ends at the beginning.
    length: usize,
    /// Finders of the two kinds of blank lines: to make them takes longer than to use them.
    kinds: [Finder<'static>; 2],
}

impl Default for BlankLine {
    fn default() -> Self {
        Self { before: [0; 2], length: 0, kinds: [Finder::new(b"\n\r\n"), Finder::new(b"\n\n")] }
    }
}

impl BlankLine {
    /// Where the `number`th blank line ends, of this piece. What is behind it belongs to the next piece. Else `Err` has
    /// how many there were.
    pub(super) fn end(&mut self, piece: &[u8], number: usize) -> Result<usize, usize> {
        if number == 1 && self.is_one_head(piece) {
            self.before = [0; 2];
            return Ok(piece.len());
        }
        let mut found = 0;
        let mut start = self.start(piece);
        for at in memchr_iter(b'\n', piece) {
            let before = |back: usize| match at.checked_sub(back) {
                Some(at) => piece[at],
                None => self.before[2 + at - back],
            };
            let is_blank = before(1) == b'\n' || (before(1) == b'\r' && before(2) == b'\n');
            if is_blank && self.length + at.saturating_sub(start) > SHORTEST {
                found += 1;
                self.length = 0;
                start = at + 1 + self.start(&piece[at + 1..]);
                if found == number {
                    self.before = [0; 2];
                    return Ok(at + 1);
                }
            }
        }
        self.length += piece.len().saturating_sub(start);
        self.before = match piece {
            [.., one, two] => [*one, *two],
            [one] => [self.before[1], *one],
            [] => self.before,
        };
        Err(found)
    }

    /// Whether the piece is a whole head and nothing else, as most are.
    fn is_one_head(&self, piece: &[u8]) -> bool {
        let is_last = |kind: &Finder| kind.find(piece).is_none_or(|at| at + kind.needle().len() == piece.len());
        self.length == 0
            && self.before == [0; 2]
            && self.start(piece) == 0
            && piece.len() > SHORTEST + 4
            && piece.ends_with(b"\r\n\r\n")
            && self.kinds.iter().all(is_last)
    }

    /// Where a head begins in the piece, if none has begun before: behind the line ends.
    fn start(&self, piece: &[u8]) -> usize {
        let is_text = |byte: &u8| !matches!(byte, b'\r' | b'\n');
        if self.length > 0 { 0 } else { piece.iter().position(is_text).unwrap_or(piece.len()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces up to each `number`th blank line, when the bytes come in pieces of this size.
    fn cut(bytes: &[u8], size: usize, number: usize) -> Vec<String> {
        let (mut line, mut pieces, mut piece, mut found) = (BlankLine::default(), Vec::new(), Vec::new(), 0);
        for mut bytes in bytes.chunks(size) {
            loop {
                match line.end(bytes, number - found) {
                    Ok(end) => {
                        found = 0;
                        piece.extend_from_slice(&bytes[..end]);
                        pieces.push(String::from_utf8(std::mem::take(&mut piece)).unwrap());
                        bytes = &bytes[end..];
                    }
                    Err(more) => {
                        found += more;
                        piece.extend_from_slice(bytes);
                        break;
                    }
                }
            }
        }
        pieces.push(String::from_utf8(piece).unwrap());
        pieces
    }

    #[test]
    fn heads_are_told_apart_however_they_are_cut() {
        let head = "GET / HTTP/1.1";
        let crlf = format!("{head}\r\nA: b\r\n\r\n");
        let bare = format!("{head}\n\n");
        let mixed = format!("{head}\r\n\n");
        let open = format!("\r{head}\r\r\nb\n\rc\r\n");
        for (text, pieces) in [
            (format!("{crlf}{head}"), vec![crlf.as_str(), head]),
            (format!("{bare}{mixed}{crlf}"), vec![&bare, &mixed, &crlf, ""]),
            (format!("\r\n\r\n\n{crlf}"), vec![&format!("\r\n\r\n\n{crlf}"), ""]),
            ("\n".repeat(50), vec![&"\n".repeat(50)]),
            ("a\n\n".repeat(5) + "b", vec![&"a\n\n".repeat(5), "b"]),
            (open.clone(), vec![&open]),
        ] {
            for size in 1..=text.len() {
                assert_eq!(cut(text.as_bytes(), size, 1), pieces, "{text:?} by {size}");
            }
        }
    }

    #[test]
    fn several_may_be_counted_together() {
        let head = "GET / HTTP/1.1\r\n\r\n";
        for size in 1..=head.len() * 5 {
            let pieces = cut(head.repeat(5).as_bytes(), size, 2);
            assert_eq!(pieces, [head.repeat(2), head.repeat(2), head.to_owned()], "by {size}");
        }
    }
}
