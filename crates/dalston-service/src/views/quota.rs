use crate::Meter;
use dalston_model::Quota;
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
        let Quota { seconds_per_day, concurrent_jobs, concurrent_streams } = meter.quota;
        let seconds_left_today = meter.seconds_left();
        Self { seconds_per_day, seconds_left_today, concurrent_jobs, concurrent_streams }
    }
}
