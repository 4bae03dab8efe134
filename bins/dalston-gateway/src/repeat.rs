//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a quoted string, or bare as most clients send it.

use actix_web::HttpRequest;
use dalston_actix::Problem;

/// Maximum length of a key.
const LONGEST: usize = 255;

/// Returns the idempotency key of the request, if it has one.
pub(crate) fn key(request: &HttpRequest) -> Result<Option<String>, Problem> {
    let mut values = request.headers().get_all("idempotency-key");
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let plain = bare.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
    if (1..=LONGEST).contains(&bare.len()) && plain && values.next().is_none() {
        Ok(Some(bare.to_owned()))
    } else {
        Err(Problem::malformed("Idempotency-Key is one string of 1 to 255 visible characters"))
    }
}
