//! Paging arguments of list commands.

use dalston_model::{Cursor, PageLimit, PageRequest, Start};
use dalston_service::{ServiceError, ServiceResult};
use serde::{Deserialize, Deserializer};

/// Builds the page request from a cursor or an offset. An invalid cursor is a malformed request.
pub(crate) fn request(
    limit: Option<PageLimit>,
    cursor: Option<&str>,
    offset: Option<u32>,
) -> ServiceResult<PageRequest> {
    let start = match (cursor, offset) {
        (None, None) => Start::Newest,
        (None, Some(offset)) => Start::Offset(offset),
        (Some(_), Some(_)) => {
            return Err(ServiceError::invalid("offset", "must not be given together with a cursor"));
        }
        (Some(cursor), None) => Start::After(
            cursor.parse::<Cursor>().map_err(|_| ServiceError::Malformed("The cursor does not belong to this list"))?,
        ),
    };
    Ok(PageRequest { limit: limit.unwrap_or_default(), start })
}

/// Deserializes the limit of a page.
pub(crate) fn limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PageLimit>, D::Error> {
    let Some(items) = Option::<u32>::deserialize(deserializer)? else { return Ok(None) };
    PageLimit::new(items).map(Some).ok_or_else(|| serde::de::Error::custom("must be an integer from 1 to 100"))
}
