//! Whatever looks like a key, masked: the last line of defence of logs, chats and language models.

use std::borrow::Cow;

/// How a key begins, and how many of its characters make it one.
const MARK: &[u8] = b"dk_";
const LEAST: usize = 20;

/// The bytes with stars in place of whatever looks like a key.
pub fn masked(event: &[u8]) -> Cow<'_, [u8]> {
    let mut out = Cow::Borrowed(event);
    let mut from = 0;
    while let Some(at) = event[from..].windows(MARK.len()).position(|window| window == MARK) {
        let start = from + at + MARK.len();
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
        let line = format!("x={key} y=dk_short dk_{key}");
        let out = String::from_utf8(masked(line.as_bytes()).into_owned()).unwrap();
        assert!(!out.contains("aB3") && out.contains("dk_short"), "LOG-02 {out}");
        assert!(matches!(masked(b"nothing here"), Cow::Borrowed(_)));
    }
}
