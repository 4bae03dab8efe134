//! Timeouts and intervals of the bot.

use std::time::Duration;

/// Timeouts and intervals of the bot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Timeout of a Bot API call.
    pub call: Duration,
    /// Duration of a long poll that returns no updates.
    pub poll: Duration,
    /// The polling lease expires after this duration, unless it is renewed.
    pub lease: Duration,
    /// Interval at which a standby node tries to acquire the polling lease.
    pub standby: Duration,
    /// Delay after the first failure; each further consecutive one doubles it.
    pub retry: Duration,
    /// Maximum delay after failures.
    pub longest_retry: Duration,
    /// Delay after the Bot API rejected the token.
    pub hopeless: Duration,
    /// A message with a secret is deleted after this duration.
    pub secret: Duration,
    /// How long a running update may continue when the node stops.
    pub finish: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            call: Duration::from_secs(10),
            poll: Duration::from_secs(25),
            // Longer than a poll and its call together: renewed before each poll, the lease never expires under a live
            // poller.
            lease: Duration::from_secs(45),
            standby: Duration::from_secs(15),
            retry: Duration::from_millis(500),
            longest_retry: Duration::from_secs(30),
            hopeless: Duration::from_mins(5),
            secret: Duration::from_mins(1),
            finish: Duration::from_secs(10),
        }
    }
}

impl Timing {
    /// Exponential backoff with jitter: the delay after this number of consecutive failures. It doubles with each
    /// failure; the random number `chance` (0 to 255) takes off up to half of it, so that nodes do not retry in step.
    pub(crate) fn backoff(&self, failures: u32, chance: u8) -> Duration {
        let doubled = self.retry.saturating_mul(1 << failures.saturating_sub(1).min(16));
        let wait = doubled.min(self.longest_retry);
        wait.saturating_sub((wait / 512).saturating_mul(chance.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_in_a_row_are_waited_for_longer_and_longer_up_to_an_end() {
        let timing = Timing::default();
        let waits: Vec<u128> = (1..=8).map(|failures| timing.backoff(failures, 0).as_millis()).collect();
        assert_eq!(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
        assert_eq!(timing.backoff(u32::MAX, 0), timing.longest_retry);
        let half = timing.backoff(3, 255);
        assert!(half > Duration::from_secs(1) && half < Duration::from_millis(1_010), "{half:?}");
    }
}
