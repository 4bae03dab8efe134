//! Whatever looks like a key or a ticket, masked: the last line of defence of logs, chats and language models.

use std::borrow::Cow;

/// How keys and tickets begin, and how many of their characters make one.
const MARKS: [&[u8]; 2] = [b"dk_", b"dt_"];
const MARK: usize = 3;
const LEAST: usize = 20;

/// The bytes with stars in place of whatever looks like a key.
pub fn masked(event: &[u8]) -> Cow<'_, [u8]> {
    let mut out = Cow::Borrowed(event);
    let mut from = 0;
    while let Some(at) = event[from..].windows(MARK).position(|window| MARKS.contains(&window)) {
        let start = from + at + MARK;
        let key = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let length = event[start..].iter().take_while(key).count();
        if length >= LEAST {
            out.to_mut()[start..start + length].fill(b'*');
        }
        from = start + length;
    }
    out
}

/// The text with stars in place of whatever looks like a key.
pub fn masked_text(text: &str) -> Cow<'_, str> {
    match masked(text.as_bytes()) {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_looks_like_a_key_is_masked() {
        let key = format!("dk_{}", "aB3".repeat(16));
        let ticket = key.replace("dk_", "dt_");
        let line = format!("x={key} y=dk_short dk_{key} dalston.ticket.{ticket}");
        let out = String::from_utf8(masked(line.as_bytes()).into_owned()).unwrap();
        assert!(!out.contains("aB3") && out.contains("dk_short"), "LOG-02 {out}");
        assert!(matches!(masked(b"nothing here"), Cow::Borrowed(_)));
    }
}
