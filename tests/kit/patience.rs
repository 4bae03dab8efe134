//! How long the tests wait for what must happen: much longer than it takes on the slowest machine. Whoever waits so long
//! has found a fault.

use std::{future::Future, time::Duration};
use tokio::time::{sleep, timeout};

/// The deadline of everything that has no other.
pub const PATIENCE: Duration = Duration::from_mins(5);
/// What tells nobody that it has happened is looked at so often.
const STEP: Duration = Duration::from_millis(10);

/// The same, unless it takes so long that nothing will come.
pub async fn patiently<T>(work: impl Future<Output = T>) -> T {
    timeout(PATIENCE, work).await.expect("nothing comes")
}

/// Asks again and again until the answer is yes: for what happens by itself and tells nobody.
pub async fn eventually(what: &str, mut asked: impl AsyncFnMut() -> bool) {
    let happens = async {
        while !asked().await {
            sleep(STEP).await;
        }
    };
    timeout(PATIENCE, happens).await.unwrap_or_else(|_| panic!("{what}: it did not happen"));
}
