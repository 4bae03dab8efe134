//! Notes about a transcript, sent in a response header: without one, a transcript without words would look like a
//! failure.

use actix_web::{HttpResponseBuilder, http::header::HeaderValue};
use dalston_service::Transcript;

/// Adds the note of a transcript as a header, if it has one.
pub(crate) fn add_note_header(response: &mut HttpResponseBuilder, transcript: &Transcript) {
    if let Some(note) = transcript.note().and_then(|note| HeaderValue::from_str(note).ok()) {
        response.insert_header(("x-dalston-note", note));
    }
}
