//! The start of a page, as scripts read it.

use dalston_model::{PageRequest, Start};

/// Encodes `at`, `id` and `count` of a page. The count is one more than requested, to see whether there is a next page.
pub(crate) fn arguments(request: &PageRequest) -> [String; 3] {
    let (at, id) = match &request.start {
        Start::Newest => ("0".to_owned(), String::new()),
        Start::Offset(offset) => (offset.to_string(), String::new()),
        Start::After(cursor) => (cursor.created_at.as_micros().to_string(), cursor.id.clone()),
    };
    [at, id, (request.limit.get() + 1).to_string()]
}
