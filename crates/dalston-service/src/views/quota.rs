use crate::Meter;
use dalston_work::QuotaKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The quota of a key or a tenant, and what is left of it today. Null is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QuotaView {
    /// Seconds of audio per day (UTC), for jobs and streams together.
    pub seconds_per_day: Option<u32>,
    /// Whole seconds left today.
    pub seconds_left_today: Option<u64>,
    /// Maximum number of unfinished jobs at a time.
    pub concurrent_jobs: Option<u32>,
    /// Maximum number of open streams at a time.
    pub concurrent_streams: Option<u32>,
}

impl From<&Meter> for QuotaView {
    fn from(meter: &Meter) -> Self {
        let limit = |kind| meter.quota.limit(kind);
        Self {
            seconds_per_day: limit(QuotaKind::Seconds),
            seconds_left_today: meter.seconds_left(),
            concurrent_jobs: limit(QuotaKind::Jobs),
            concurrent_streams: limit(QuotaKind::Streams),
        }
    }
}
