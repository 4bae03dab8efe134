//! What a reader of a transcript must know, beside it: a text without words looks like a fault.

use actix_web::{HttpResponseBuilder, http::header::HeaderValue};
use dalston_service::Transcript;

/// Puts the note of a transcript into a header, if it has one.
pub(crate) fn noted(response: &mut HttpResponseBuilder, transcript: &Transcript) {
    if let Some(note) = transcript.note().and_then(|note| HeaderValue::from_str(note).ok()) {
        response.insert_header(("x-dalston-note", note));
    }
}
