//! Masks secrets in logs, chats and requests to language models: replaces every secret that the gateway can recognise
//! with asterisks.
//!
//! Secrets that the gateway mints are recognised by their form: a marker, followed by enough characters. Secrets from
//! the settings are recognised by their value, wherever it occurs. The mask stores only the length and two hashes of
//! such a value. Both are recognised in spite of escapes of JSON and of URLs, and of invisible characters in between. A
//! text is scanned once for the markers and URLs, and once more for each length of the known secrets.

use crate::{KeyFormat, secret::TICKET};
use sha2::{Digest, Sha256};
use std::{borrow::Cow, collections::BTreeMap, ops::Range};

/// Minimum number of characters after a marker that count as a secret.
const MIN_LENGTH: usize = 20;
/// Minimum length of a known secret in bytes. A shorter value cannot be distinguished from an ordinary word.
const MIN_KNOWN_LENGTH: usize = 8;
/// Maximum length of the authority of a URL that is searched for a password.
const MAX_AUTHORITY: usize = 512;
/// The base of the rolling hash. Any large odd number will do.
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;

/// The markers of secrets other than keys, each with the characters besides letters and digits that the secret may
/// contain.
const MARKERS: [(&str, &[u8]); 5] = [
    (TICKET, b"-_"),
    // Proposals, claims, and links to claims.
    ("dp_", b"-_"),
    ("dc_", b"-_"),
    ("/auth/claims/", b"-_"),
    ("whsec_", b"+/=-_"),
];

/// The set of secrets to mask.
pub struct Mask {
    markers: Vec<(Vec<u8>, &'static [u8])>,
    /// The known secrets by their length.
    known: BTreeMap<usize, Vec<Fingerprint>>,
}

/// The hashes of a known secret.
struct Fingerprint {
    rolling: u64,
    digest: [u8; 32],
}

impl Default for Mask {
    fn default() -> Self {
        Self::new(&KeyFormat::default())
    }
}

impl Mask {
    /// Creates a mask for keys of this format, and for the other secrets that the gateway mints.
    pub fn new(format: &KeyFormat) -> Self {
        let keys = (format.prefix().as_str().as_bytes().to_vec(), &b"-_"[..]);
        let others = MARKERS.into_iter().map(|(marker, extra_chars)| (marker.as_bytes().to_vec(), extra_chars));
        Self { markers: std::iter::once(keys).chain(others).collect(), known: BTreeMap::new() }
    }

    /// Adds a known secret, which is masked wherever it occurs. Texts shorter than 8 bytes are ignored.
    pub fn hide(&mut self, secret: &str) {
        let bytes = NormalizedText::of(secret, Percent::Decoded).bytes;
        if bytes.len() >= MIN_KNOWN_LENGTH {
            let fingerprint = Fingerprint { rolling: rolling(&bytes), digest: Sha256::digest(&bytes).into() };
            self.known.entry(bytes.len()).or_default().push(fingerprint);
        }
    }

    /// Returns the bytes with secrets replaced by asterisks. Borrows if there is nothing to mask and the bytes are
    /// UTF-8.
    pub fn bytes<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        match std::str::from_utf8(bytes).map(|text| self.text(text)) {
            Ok(Cow::Borrowed(_)) => Cow::Borrowed(bytes),
            Ok(Cow::Owned(text)) => Cow::Owned(text.into_bytes()),
            Err(_) => Cow::Owned(self.text(&String::from_utf8_lossy(bytes)).into_owned().into_bytes()),
        }
    }

    /// Returns the text with secrets replaced by asterisks. Borrows if there is nothing to mask.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let normalized = NormalizedText::of(text, Percent::Decoded);
        let mut found: Vec<Range<usize>> = Vec::new();
        for (marker, extra_chars) in &self.markers {
            find_marked(&normalized.bytes, marker, extra_chars, &mut found);
        }
        passwords(&normalized.bytes, &mut found);
        for (length, fingerprints) in &self.known {
            find_known(&normalized.bytes, *length, fingerprints, &mut found);
        }
        let mut ranges: Vec<Range<usize>> = found.into_iter().map(|range| normalized.original(range)).collect();
        // A decoded `/` or space would end the part of a URL that its password is in.
        if text.contains('%') {
            let literal = NormalizedText::of(text, Percent::Kept);
            let mut found = Vec::new();
            passwords(&literal.bytes, &mut found);
            ranges.extend(found.into_iter().map(|range| literal.original(range)));
        }
        if ranges.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut bytes = text.as_bytes().to_vec();
        for range in ranges {
            bytes[range].fill(b'*');
        }
        Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Finds the secrets behind a marker, if enough characters follow it.
fn find_marked(bytes: &[u8], marker: &[u8], extra_chars: &[u8], found: &mut Vec<Range<usize>>) {
    let mut from = 0;
    while let Some(at) = bytes[from..].windows(marker.len()).position(|window| window == marker) {
        let start = from + at + marker.len();
        let is_of_it = |byte: &&u8| byte.is_ascii_alphanumeric() || extra_chars.contains(*byte);
        let length = bytes[start..].iter().take_while(is_of_it).count();
        if length >= MIN_LENGTH {
            found.push(start..start + length);
        }
        from = start + length;
    }
}

/// Finds the password in each URL that has one.
fn passwords(bytes: &[u8], found: &mut Vec<Range<usize>>) {
    const BEGIN: &[u8] = b"://";
    let mut from = 0;
    while let Some(at) = bytes[from..].windows(BEGIN.len()).position(|window| window == BEGIN) {
        let start = from + at + BEGIN.len();
        let is_of_it = |byte: &&u8| (byte.is_ascii_graphic() || !byte.is_ascii()) && !b"/?#\"'<>".contains(*byte);
        let authority: Vec<u8> = bytes[start..].iter().take(MAX_AUTHORITY).take_while(is_of_it).copied().collect();
        let colon = authority.iter().position(|byte| *byte == b':');
        let end = authority.iter().rposition(|byte| *byte == b'@');
        if let (Some(colon), Some(end)) = (colon, end)
            && colon + 1 < end
        {
            found.push(start + colon + 1..start + end);
        }
        from = start;
    }
}

/// Finds the known secrets of this length (Rabin-Karp: a rolling hash, confirmed by SHA-256).
fn find_known(bytes: &[u8], length: usize, fingerprints: &[Fingerprint], found: &mut Vec<Range<usize>>) {
    let Some(first) = bytes.get(..length) else { return };
    let highest = (1..length).fold(1_u64, |power, _| power.wrapping_mul(BASE));
    let mut hash = rolling(first);
    for start in 0..=bytes.len() - length {
        if start > 0 {
            let gone = u64::from(bytes[start - 1]).wrapping_mul(highest);
            hash = hash.wrapping_sub(gone).wrapping_mul(BASE).wrapping_add(u64::from(bytes[start + length - 1]));
        }
        let range = start..start + length;
        let is_it = |it: &Fingerprint| it.rolling == hash && it.digest[..] == Sha256::digest(&bytes[range.clone()])[..];
        if fingerprints.iter().any(is_it) {
            found.push(range);
        }
    }
}

fn rolling(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |hash, byte| hash.wrapping_mul(BASE).wrapping_add(u64::from(*byte)))
}

/// A text in the form in which it is searched: without backslashes and invisible characters, and with escapes decoded.
///
/// Each byte has the range of the original text that it was decoded from.
struct NormalizedText {
    bytes: Vec<u8>,
    at: Vec<(usize, usize)>,
}

/// Whether `%XX` is decoded.
#[derive(Clone, Copy, PartialEq)]
enum Percent {
    Decoded,
    Kept,
}

impl NormalizedText {
    fn of(text: &str, percent_signs: Percent) -> Self {
        let mut normalized = Self { bytes: Vec::with_capacity(text.len()), at: Vec::with_capacity(text.len()) };
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let from = text.len() - rest.len();
            // Each level of nested JSON adds backslashes before a character. Any number of them is one escape.
            let bare = rest.trim_start_matches('\\');
            let is_escaped = bare.len() < rest.len();
            let (c, behind) = match bare.chars().next() {
                Some(c @ ('n' | 'r' | 't')) if is_escaped => ('\n', &bare[c.len_utf8()..]),
                Some('u') if is_escaped => code_point(&bare[1..]).unwrap_or(('u', &bare[1..])),
                Some('%') if percent_signs == Percent::Decoded => percent(&bare[1..]).unwrap_or(('%', &bare[1..])),
                Some(c) => (c, &bare[c.len_utf8()..]),
                None => (c, bare),
            };
            if !is_invisible(c) && c != '\\' {
                normalized.push(c, (from, text.len() - behind.len()));
            }
            rest = behind;
        }
        normalized
    }

    /// The range of the original text: whole characters and whole escapes, so that the text stays UTF-8, and JSON stays
    /// JSON.
    fn original(&self, range: Range<usize>) -> Range<usize> {
        self.at[range.start].0..self.at[range.end - 1].1
    }

    fn push(&mut self, c: char, at: (usize, usize)) {
        let bytes = c.encode_utf8(&mut [0; 4]).len();
        self.bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        self.at.extend(std::iter::repeat_n(at, bytes));
    }
}

/// Decodes the rest of an escape behind `\u`, written `00e9` or `{e9}`. Returns the character and the remaining text.
fn code_point(text: &str) -> Option<(char, &str)> {
    let (digits, behind) = match text.strip_prefix('{') {
        Some(text) => text.split_once('}').filter(|(digits, _)| digits.len() <= 6)?,
        None => (text.get(..4)?, &text[4..]),
    };
    Some((char::from_u32(u32::from_str_radix(digits, 16).ok()?)?, behind))
}

/// Decodes the character behind `%`: its first byte, and the `%XX` of the other bytes of its UTF-8. Returns the character
/// and the remaining text.
fn percent(text: &str) -> Option<(char, &str)> {
    let hex = |text: &str| u8::from_str_radix(text.get(..2)?, 16).ok();
    let mut bytes = [hex(text)?, 0, 0, 0];
    let length = if bytes[0] < 0x80 { 1 } else { bytes[0].leading_ones() as usize };
    let mut rest = &text[2..];
    for byte in bytes.get_mut(1..length)? {
        let next = rest.strip_prefix('%')?;
        *byte = hex(next)?;
        rest = &next[2..];
    }
    let c = std::str::from_utf8(&bytes[..length]).ok()?.chars().next()?;
    (!c.is_control()).then_some((c, rest))
}

/// Returns whether the character has no width. Such a character splits a secret for programs, but not for the eye.
const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const MASTER: &str = "correct-horse-battery-staple-0123456789";
    const ODD: &str = r#"p"s\w/d+%41&\n="#;

    fn mask() -> Mask {
        let mut mask = Mask::default();
        mask.hide(MASTER);
        mask.hide(ODD);
        mask
    }

    fn key() -> String {
        format!("dk_{}", "aB3".repeat(16))
    }

    #[test]
    fn whatever_looks_like_a_key_is_masked() {
        let (key, ticket) = (key(), key().replace("dk_", "dt_"));
        let line = format!("x={key} y=dk_short dk_{key} dalston.ticket.{ticket}");
        let out = Mask::default().text(&line).into_owned();
        assert!(!out.contains("aB3") && out.contains("dk_short"), "LOG-02 {out}");
        assert!(matches!(mask().bytes(b"nothing here"), Cow::Borrowed(_)));
        assert!(matches!(mask().bytes(b"100 % of C:\\new\\users \xff"), Cow::Owned(_)));
    }

    #[test]
    fn whatever_else_the_gateway_mints_is_masked() {
        let line =
            format!("x=\"whsec_{}=\" whsec_short dp_{1} dc_{1} /auth/claims/{1}", "aB+/".repeat(11), "a0".repeat(16));
        let out = mask().text(&line).into_owned();
        assert!(!out.contains("aB") && !out.contains("a0") && out.contains("whsec_short"), "LOG-02 {out}");
        let other = Mask::new(&KeyFormat::new("acme_").unwrap());
        assert_eq!(other.text(&format!("acme_{}", "x".repeat(43))), format!("acme_{}", "*".repeat(43)));
    }

    #[test]
    fn a_known_secret_is_masked_wherever_it_stands() {
        let text = |text: &str| mask().text(text).into_owned();
        let stars = "*".repeat(MASTER.len());
        for (before, after) in
            [("", ""), ("(", ")"), ("\"", "\""), ("Bearer ", ","), ("https://x.example/?key=", "&b=1"), ("x", "y")]
        {
            assert_eq!(text(&format!("{before}{MASTER}{after}")), format!("{before}{stars}{after}"));
        }
        assert_eq!(text(&format!("{MASTER}{MASTER}")), format!("{stars}{stars}"));
        // Neither a part of the secret nor a different text is masked.
        for other in [&MASTER[1..], &MASTER.to_uppercase(), "correct horse battery staple"] {
            assert_eq!(text(other), other);
        }
        assert!(mask().text(&MASTER.repeat(3)[5..]).starts_with(&MASTER[5..]));
    }

    #[test]
    fn a_secret_is_masked_however_it_is_written() {
        let once = json!({"a": [ODD, MASTER, key()]}).to_string();
        let twice = json!({"messages": [{"content": once}]}).to_string();
        for text in [&once, &twice, &json!(twice).to_string()] {
            let out = mask().text(text).into_owned();
            assert!(serde_json::from_str::<Value>(&out).is_ok(), "{out}");
            for part in ["correct", "p\\", "aB3", "&"] {
                assert!(!out.contains(part), "{part} in {out}");
            }
        }
        let percent = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
        let escaped = |text: &str| text.bytes().map(|byte| format!("\\u{byte:04x}")).collect::<Vec<_>>().concat();
        let split = |text: &str, by: &str| text.chars().map(|c| format!("{c}{by}")).collect::<Vec<_>>().concat();
        for secret in [MASTER, &key(), "postgres://dalston:s3cr3t-w0rd@db/x"] {
            for text in [
                percent(secret),
                percent(secret).to_lowercase(),
                escaped(secret),
                split(secret, "\u{200b}"),
                split(secret, "\u{feff}\u{ad}"),
                split(secret, r"\u200b"),
                split(secret, r"\u{200b}"),
            ] {
                let out = mask().text(&text).into_owned();
                assert!(out.contains("*******"), "{text} is {out}");
                let middle: String = text.chars().skip(text.chars().count() / 2).take(12).collect();
                assert!(!out.contains(&middle) || secret.starts_with("postgres"), "{text} is {out}");
            }
        }
    }

    #[test]
    fn a_secret_with_spaces_and_other_scripts_is_masked_in_a_url() {
        let mut mask = Mask::default();
        let secret = "größe und schlüssel 鍵";
        mask.hide(secret);
        for url in [
            "https://x/?p=gr%C3%B6%C3%9Fe%20und%20schl%C3%BCssel%20%E9%8D%B5&q=1",
            "https://x/?p=gr%c3%b6ße%20und schl%C3%BCssel%20%E9%8D%B5&q=1",
        ] {
            let out = mask.text(url).into_owned();
            assert!(out.starts_with("https://x/?p=***") && out.ends_with("***&q=1"), "{out}");
        }
        for whole in ["%", "%C3", "%C3%", "%C3%41", "%ff%ff", "%F0%9F%94", "%00%0a", "100%ü"] {
            assert_eq!(mask.text(whole), whole);
        }
    }

    #[test]
    fn the_password_of_a_url_is_masked() {
        let out = mask()
            .text("redis://:pw@h postgres://u:p@ss:w@h/d http://h:80/a@b https://u@h \"ws://a:b@c\"")
            .into_owned();
        assert_eq!(out, "redis://:**@h postgres://u:******@h/d http://h:80/a@b https://u@h \"ws://a:*@c\"");
        for password in
            ["a%41b-s3cret", "s3cr%20et-word", "gr%C3%B6%C3%9Fe99", "a%2Fb-s3cret", "a%23b-%3f-%40", "größe99", "%"]
        {
            let url = format!("see postgres://u:{password}@db/x?y=%20 now");
            let out = mask().text(&url).into_owned();
            let stars = "*".repeat(password.len());
            assert_eq!(out, format!("see postgres://u:{stars}@db/x?y=%20 now"), "{password}");
        }
    }

    #[test]
    fn a_long_text_costs_one_pass() {
        // Many markers without a secret: no part of the text is scanned repeatedly.
        let text = "dk_dk_://u:".repeat(200_000);
        assert!(matches!(mask().text(&text), Cow::Borrowed(_)), "none has enough behind it");
        assert!(matches!(mask().text(&"\\".repeat(2_000_000)), Cow::Borrowed(_)));
    }
}
