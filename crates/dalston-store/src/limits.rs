//! The counter that several nodes share.

use crate::StoreResult;
use async_trait::async_trait;
use dalston_model::{KeyId, RateLimit};
use std::time::Duration;

/// What a request found in its minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Whether there was room. If not, nothing was counted.
    pub admitted: bool,
    /// Requests that count now, this one among them when it was admitted.
    pub used: u32,
    /// Until there is more room: for a refused request, until the next one is admitted; for an admitted one, until
    /// the oldest stops counting.
    pub frees_in: Duration,
}

/// Counts admitted requests in windows of 60 seconds, by the store's clock.
///
/// The window is kept as one count a second. At a time in second `s`, the counts of the seconds `s - 60` to `s` count:
/// 61 of them, which cover every window of 60 seconds that ends now, so no such window ever holds more than the
/// limit. A clock that runs backwards is held at the latest second seen.
#[async_trait]
pub trait LimitStore: Send + Sync {
    /// Takes one unit for the key when fewer than `limit` count, in one atomic step.
    async fn take(&self, key: KeyId, limit: RateLimit) -> StoreResult<Taken>;
}
