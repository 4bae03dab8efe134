//! The parameters that every list has.

use dalston_model::{Cursor, PageLimit, PageRequest, Start};
use dalston_service::{ServiceError, ServiceResult};
use schemars::JsonSchema;
use serde::Deserialize;

/// A page, as it is asked for: flattened into the parameters of a list.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct PageParameters {
    /// How many items: 1 to 100.
    #[serde(default, deserialize_with = "limit")]
    #[schemars(with = "Option<u32>", range(min = 1, max = 100))]
    limit: Option<PageLimit>,
    /// Where the page begins: the cursor that the page before gave.
    #[schemars(length(max = 100))]
    cursor: Option<String>,
}

impl PageParameters {
    /// The page from its cursor, or from an offset. A cursor that is none is not well-formed.
    pub(crate) fn request(self, offset: Option<u32>) -> ServiceResult<PageRequest> {
        let start = match (self.cursor, offset) {
            (None, None) => Start::Newest,
            (None, Some(offset)) => Start::Offset(offset),
            (Some(_), Some(_)) => {
                return Err(ServiceError::invalid("offset", "must not be given together with a cursor"));
            }
            (Some(cursor), None) => Start::After(
                cursor.parse::<Cursor>().map_err(|_| ServiceError::Malformed("The cursor is none of this list"))?,
            ),
        };
        Ok(PageRequest { limit: self.limit.unwrap_or_default(), start })
    }
}

fn limit<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<PageLimit>, D::Error> {
    let Some(items) = Option::<u32>::deserialize(deserializer)? else { return Ok(None) };
    PageLimit::new(items).map(Some).ok_or_else(|| serde::de::Error::custom("must be an integer from 1 to 100"))
}
