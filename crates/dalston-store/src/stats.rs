//! Figures that the status report shows.

use dalston_model::Timestamp;
use std::time::Duration;

/// The keys of a tenant, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyStats {
    /// Neither revoked, disabled nor expired.
    pub active: u64,
    /// Revoked.
    pub revoked: u64,
    /// Active, and expiring within seven days.
    pub expiring: u64,
    /// Neither revoked nor disabled, made more than thirty days ago and not used since then.
    pub unused: u64,
    /// Used within the last hour, whatever became of them.
    pub used_last_hour: u64,
    /// Used within the last day.
    pub used_last_day: u64,
}

impl KeyStats {
    /// Keys expire soon that expire within this time.
    pub const SOON: Duration = Duration::from_hours(7 * 24);
    /// Keys are unused that were not used for this time.
    pub const IDLE: Duration = Duration::from_hours(30 * 24);

    /// The times that part the keys when they are counted at the time `at`.
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

/// Where engines draw the lines of [`KeyStats`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyStatTimes {
    /// What ends later is active.
    pub now: Timestamp,
    /// Of that, what ends no later than this is expiring.
    pub soon: Timestamp,
    /// What was made, and used, before this only is unused.
    pub idle: Timestamp,
    /// What was used since was used within the hour.
    pub hour: Timestamp,
    /// What was used since was used within the day.
    pub day: Timestamp,
}

/// The connections of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolStats {
    /// Open.
    pub open: u32,
    /// Of those, not in use.
    pub idle: u32,
    /// At most.
    pub max: u32,
}
