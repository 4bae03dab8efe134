//! Detection of the blank line that ends the head of each request.

use memchr::{memchr_iter, memmem::Finder};

/// Minimum number of bytes in a head before its blank line: `A / HTTP/1.1`. Fewer bytes, or line ends alone, are no
/// head.
const SHORTEST: usize = 12;

/// Finds the blank lines of heads in a byte stream that arrives in pieces. Lines end with CRLF or with LF alone, since
/// the parser accepts both. Blank lines in bodies are found too, and not distinguished from those of heads.
pub(super) struct BlankLine {
    /// The last two bytes of the previous piece.
    before: [u8; 2],
    /// Bytes since the last blank line in earlier pieces, without line ends at the beginning.
    length: usize,
    /// Finders of the two kinds of blank lines, kept because constructing one takes longer than a search.
    kinds: [Finder<'static>; 2],
}

impl Default for BlankLine {
    fn default() -> Self {
        Self { before: [0; 2], length: 0, kinds: [Finder::new(b"\n\r\n"), Finder::new(b"\n\n")] }
    }
}

impl BlankLine {
    /// Returns where the `number`th blank line of this piece ends. The bytes after it belong to the next piece. If the
    /// piece has fewer blank lines, returns their number as `Err`.
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

    /// Whether the piece is exactly one whole head: the fast path for most requests.
    fn is_one_head(&self, piece: &[u8]) -> bool {
        let is_last = |kind: &Finder| kind.find(piece).is_none_or(|at| at + kind.needle().len() == piece.len());
        self.length == 0
            && self.before == [0; 2]
            && self.start(piece) == 0
            && piece.len() > SHORTEST + 4
            && piece.ends_with(b"\r\n\r\n")
            && self.kinds.iter().all(is_last)
    }

    /// Returns where a head begins in the piece: after the leading line ends, unless a head began in an earlier piece.
    fn start(&self, piece: &[u8]) -> usize {
        let is_text = |byte: &u8| !matches!(byte, b'\r' | b'\n');
        if self.length > 0 { 0 } else { piece.iter().position(is_text).unwrap_or(piece.len()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Splits the bytes after each `number`th blank line, while they arrive in pieces of this size.
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
