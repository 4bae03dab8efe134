//! Statistics for the status report.

use dalston_model::Timestamp;
use std::time::Duration;

/// The number of keys of a tenant, by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyStats {
    /// Keys that are neither revoked, disabled nor expired.
    pub active: u64,
    /// Revoked keys.
    pub revoked: u64,
    /// Active keys that expire within seven days.
    pub expiring: u64,
    /// Keys that are neither revoked nor disabled, were created more than thirty days ago, and have not been used since
    /// then.
    pub unused: u64,
    /// Keys that were used within the last hour, whatever their state is now.
    pub used_last_hour: u64,
    /// Keys that were used within the last day, whatever their state is now.
    pub used_last_day: u64,
}

impl KeyStats {
    /// A key that expires within this time counts as `expiring`.
    pub const SOON: Duration = Duration::from_hours(7 * 24);
    /// A key that was not used for this time counts as `unused`.
    pub const IDLE: Duration = Duration::from_hours(30 * 24);

    /// Returns the time limits that classify the keys when they are counted at the time `at`.
    pub fn times(at: Timestamp) -> KeyStatTimes {
        let before = |time: Duration| {
            let micros = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
            Timestamp::from_micros(at.as_micros().saturating_sub(micros))
        };
        KeyStatTimes {
            now: at,
            soon: at.plus(Self::SOON),
            idle: before(Self::IDLE),
            hour: before(Duration::from_hours(1)),
            day: before(Duration::from_hours(24)),
        }
    }
}

/// The time limits that engines use to count [`KeyStats`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyStatTimes {
    /// A key that expires after this time, or never, is active.
    pub now: Timestamp,
    /// An active key that expires at or before this time is expiring.
    pub soon: Timestamp,
    /// A key that was created before this time, and was last used before it or never, is unused.
    pub idle: Timestamp,
    /// A key that was used at or after this time was used within the last hour.
    pub hour: Timestamp,
    /// A key that was used at or after this time was used within the last day.
    pub day: Timestamp,
}

/// The connection pool of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolStats {
    /// The number of open connections.
    pub open: u32,
    /// The number of open connections that are not in use.
    pub idle: u32,
    /// The maximum number of open connections.
    pub max: u32,
}
