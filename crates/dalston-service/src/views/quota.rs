use crate::Meter;
use dalston_work::QuotaKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a key or a tenant may use, and what is left of it today. Null is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QuotaView {
    /// Seconds of audio a day (UTC), of jobs and streams together.
    pub seconds_per_day: Option<u32>,
    /// Whole seconds that are left today.
    pub seconds_left_today: Option<u64>,
    /// Jobs that have not ended, at once.
    pub concurrent_jobs: Option<u32>,
    /// Open streams, at once.
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
