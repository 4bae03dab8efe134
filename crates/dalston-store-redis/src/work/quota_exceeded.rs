//! Decodes which limit was reached.

use dalston_store::{StoreError, StoreResult};
use dalston_work::QuotaExceeded;

/// Decodes the kind of the limit, whether it is the key's, and its value.
pub(crate) fn read(words: &[String]) -> StoreResult<QuotaExceeded> {
    let excess = || {
        let [name, of_key, most] = words else { return None };
        Some(QuotaExceeded { limit: name.parse().ok()?, of_key: of_key == "1", most: most.parse().ok()? })
    };
    excess().ok_or_else(|| StoreError::corrupt("the answer of a script"))
}
