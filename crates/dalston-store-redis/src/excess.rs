//! Which limit was reached, as the scripts say it.

use dalston_model::{Excess, Limited};
use dalston_store::{StoreError, StoreResult};

/// The name of what is limited, in a quota and in answers.
pub(crate) const fn field(limit: Limited) -> &'static str {
    match limit {
        Limited::Seconds => "seconds",
        Limited::Jobs => "jobs",
        Limited::Streams => "streams",
    }
}

/// Reads limit, whether it is the key's, and how high it is.
pub(crate) fn read(words: &[String]) -> StoreResult<Excess> {
    let excess = || {
        let [name, of_key, most] = words else { return None };
        let limits = [Limited::Seconds, Limited::Jobs, Limited::Streams];
        let limit = limits.into_iter().find(|limit| field(*limit) == name)?;
        Some(Excess { limit, of_key: of_key == "1", most: most.parse().ok()? })
    };
    excess().ok_or_else(|| StoreError::corrupt("the answer of a script"))
}
