//! Arguments of the scripts.

use dalston_store::{StoreError, StoreResult};
use serde::Serialize;

/// What a script decodes.
pub(crate) fn argument(value: &impl Serialize) -> StoreResult<String> {
    serde_json::to_string(value).map_err(StoreError::corrupt)
}
