use crate::{Meter, QuotaView};
use dalston_model::{Day, KeyId, Timestamp, Usage};
use dalston_work::MeteredDay;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is known of a key's use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KeyUsageView {
    /// The id of the key.
    pub id: String,
    /// Requests admitted since it was made.
    pub usage_count: u64,
    /// When it was last used.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub last_used_at: Option<Timestamp>,
    /// From which address.
    pub last_used_from: Option<String>,
    /// Requests refused since it was made.
    pub refused: RefusedView,
    /// The days of the last thirty that had any, newest first.
    pub days: Vec<UsageDay>,
    /// What it may use.
    pub quota: QuotaView,
}

/// Requests that were refused, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefusedView {
    /// Above the limit of the minute.
    pub rate_limited: u64,
    /// Without the scope.
    pub insufficient_scope: u64,
}

/// The use of a key on one day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UsageDay {
    /// The day (UTC).
    pub date: String,
    /// Requests admitted.
    pub requests: u64,
    /// Audio used.
    pub audio_seconds: AudioSeconds,
}

/// The audio of a tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TenantUsageView {
    /// What it may use.
    pub quota: QuotaView,
    /// The last thirty days, newest first.
    pub days: Vec<AudioDay>,
}

/// The audio of one day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AudioDay {
    /// The day (UTC).
    pub date: String,
    /// Audio used.
    pub audio_seconds: AudioSeconds,
}

/// Seconds of audio.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct AudioSeconds {
    /// Of jobs.
    pub jobs: f64,
    /// Of streams.
    pub streams: f64,
}

impl KeyUsageView {
    /// The use of this key: the requests and the audio of each day that had any.
    pub fn new(key: KeyId, usage: &Usage, meter: &Meter) -> Self {
        let mut days: BTreeMap<Day, (u64, AudioSeconds)> =
            usage.days.iter().map(|(day, requests)| (*day, (*requests, AudioSeconds::default()))).collect();
        for metered in &meter.days {
            days.entry(metered.day).or_default().1 = metered.into();
        }
        let day = |(day, (requests, audio_seconds)): (Day, (u64, AudioSeconds))| UsageDay {
            date: day.to_string(),
            requests,
            audio_seconds,
        };
        Self {
            id: key.to_string(),
            usage_count: usage.usage_count,
            last_used_at: usage.last_used_at,
            last_used_from: usage.last_used_from.map(|address| address.to_string()),
            refused: RefusedView {
                rate_limited: usage.refused.rate_limited,
                insufficient_scope: usage.refused.insufficient_scope,
            },
            days: days.into_iter().rev().map(day).collect(),
            quota: meter.into(),
        }
    }
}

impl From<&Meter> for TenantUsageView {
    fn from(meter: &Meter) -> Self {
        let day = |day: &MeteredDay| AudioDay { date: day.day.to_string(), audio_seconds: day.into() };
        Self { quota: meter.into(), days: meter.days.iter().map(day).collect() }
    }
}

impl From<&MeteredDay> for AudioSeconds {
    fn from(day: &MeteredDay) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "2^53 milliseconds are 285,000 years")]
        let seconds = |ms: u64| ms as f64 / 1_000.0;
        Self { jobs: seconds(day.jobs_ms), streams: seconds(day.streams_ms) }
    }
}
