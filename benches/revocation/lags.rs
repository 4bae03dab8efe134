//! How long the other node still accepted what was revoked.

use std::{fmt, time::Duration};

/// Of all rounds.
pub(crate) struct Lags(Vec<Duration>);

impl Lags {
    /// Of these.
    pub(crate) fn new(mut lags: Vec<Duration>) -> Self {
        lags.sort_unstable();
        Self(lags)
    }

    /// Of a hundred rounds so many took no longer than this.
    fn percentile(&self, of_hundred: usize) -> Duration {
        let place = (self.0.len() * of_hundred).div_ceil(100).saturating_sub(1);
        self.0.get(place).copied().unwrap_or_default()
    }
}

impl fmt::Display for Lags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = |lag: Duration| lag.as_secs_f64() * 1e3;
        let some = self.0.iter().filter(|lag| !lag.is_zero()).count();
        write!(
            f,
            "p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms ({some} of {} above zero)",
            millis(self.percentile(50)),
            millis(self.percentile(99)),
            millis(self.percentile(100)),
            self.0.len(),
        )
    }
}
