//! Whatever looks like a key, a ticket or the secret of a webhook, masked: the last line of defence of logs, chats and
//! language models.

use std::borrow::Cow;

/// How secrets begin, of keys, tickets and webhooks, and which characters they hold beside letters and digits.
const MARKS: [(&[u8], &[u8]); 3] = [(b"dk_", b"-_"), (b"dt_", b"-_"), (b"whsec_", b"+/=-_")];
/// So many of its characters make it one.
const LEAST: usize = 20;

/// The bytes with stars in place of whatever looks like a secret.
pub fn masked(event: &[u8]) -> Cow<'_, [u8]> {
    let mut out = Cow::Borrowed(event);
    for (mark, signs) in MARKS {
        let mut from = 0;
        while let Some(at) = event[from..].windows(mark.len()).position(|window| window == mark) {
            let start = from + at + mark.len();
            let is_of_it = |byte: &&u8| byte.is_ascii_alphanumeric() || signs.contains(*byte);
            let length = event[start..].iter().take_while(is_of_it).count();
            if length >= LEAST {
                out.to_mut()[start..start + length].fill(b'*');
            }
            from = start + length;
        }
    }
    out
}

/// The text with stars in place of whatever looks like a secret.
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

    #[test]
    fn whatever_looks_like_the_secret_of_a_webhook_is_masked() {
        let line = format!("x=\"whsec_{}=\" whsec_short", "aB+/".repeat(11));
        let out = String::from_utf8(masked(line.as_bytes()).into_owned()).unwrap();
        assert!(!out.contains("aB") && out.contains("whsec_short"), "LOG-02 {out}");
    }
}
