//! How long the bot waits.

use std::time::Duration;

/// How long the bot waits, for whatever it waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// A call is answered within this time.
    pub call: Duration,
    /// The chat holds a poll open for so long while nothing happens.
    pub poll: Duration,
    /// The right to poll lapses after this time, unless it is renewed.
    pub lease: Duration,
    /// A node that does not poll asks so often whether it may.
    pub standby: Duration,
    /// After the first failure; each further one in a row doubles it.
    pub retry: Duration,
    /// After any number of them.
    pub longest_retry: Duration,
    /// After the chat said that it does not know the token.
    pub hopeless: Duration,
    /// A message with a secret stands for so long.
    pub secret: Duration,
    /// An update under way has so long to finish when the node stops.
    pub finish: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            call: Duration::from_secs(10),
            poll: Duration::from_secs(25),
            // Longer than a poll with its call: renewed before each, it never lapses under a poller that lives.
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
    /// How long to wait after so many failures in a row: twice as long each time, of which chance (0 to 255) takes up
    /// to a half, so that nodes do not ask in step.
    pub(crate) fn after(&self, failures: u32, chance: u8) -> Duration {
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
        let waits: Vec<u128> = (1..=8).map(|failures| timing.after(failures, 0).as_millis()).collect();
        assert_eq!(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
        assert_eq!(timing.after(u32::MAX, 0), timing.longest_retry);
        let half = timing.after(3, 255);
        assert!(half > Duration::from_secs(1) && half < Duration::from_millis(1_010), "{half:?}");
    }
}
