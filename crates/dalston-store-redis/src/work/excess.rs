//! Which limit was reached, as the scripts say it.

use dalston_store::{StoreError, StoreResult};
use dalston_work::Excess;

/// Reads limit, whether it is the key's, and how high it is.
pub(crate) fn read(words: &[String]) -> StoreResult<Excess> {
    let excess = || {
        let [name, of_key, most] = words else { return None };
        Some(Excess { limit: name.parse().ok()?, of_key: of_key == "1", most: most.parse().ok()? })
    };
    excess().ok_or_else(|| StoreError::corrupt("the answer of a script"))
}
