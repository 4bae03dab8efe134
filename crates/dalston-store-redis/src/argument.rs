//! Arguments of the scripts.

use dalston_store::{StoreError, StoreResult};
use serde::Serialize;

/// Encodes a value as JSON, for a script to decode.
pub(crate) fn argument(value: &impl Serialize) -> StoreResult<String> {
    serde_json::to_string(value).map_err(StoreError::corrupt)
}
