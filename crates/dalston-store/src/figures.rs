//! Figures that the status report shows.

/// The keys of a tenant, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyFigures {
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

impl KeyFigures {
    /// Keys expire soon that expire within this time.
    pub const SOON: std::time::Duration = std::time::Duration::from_hours(7 * 24);
    /// Keys are unused that were not used for this time.
    pub const IDLE: std::time::Duration = std::time::Duration::from_hours(30 * 24);
}

/// The connections of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolFigures {
    /// Open.
    pub open: u32,
    /// Of those, not in use.
    pub idle: u32,
    /// At most.
    pub max: u32,
}
