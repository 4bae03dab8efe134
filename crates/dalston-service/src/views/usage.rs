use crate::{Meter, QuotaView};
use dalston_model::{Day, KeyId, Timestamp, Usage};
use dalston_work::MeteredDay;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The usage of a key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KeyUsageView {
    /// The id of the key.
    pub id: String,
    /// Requests admitted since the key was created.
    pub usage_count: u64,
    /// When the key was last used.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub last_used_at: Option<Timestamp>,
    /// The address from which the key was last used.
    pub last_used_from: Option<String>,
    /// Requests refused since the key was created.
    pub refused: RefusedView,
    /// The days with usage among the last thirty, newest first.
    pub days: Vec<UsageDay>,
    /// The key's quota.
    pub quota: QuotaView,
}

/// Refused requests, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefusedView {
    /// Refused because of the rate limit.
    pub rate_limited: u64,
    /// Refused because of a missing scope.
    pub insufficient_scope: u64,
}

/// The usage of a key on one day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UsageDay {
    /// The day (UTC).
    pub date: String,
    /// Requests admitted.
    pub requests: u64,
    /// Audio used.
    pub audio_seconds: AudioSeconds,
}

/// The audio usage of a tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TenantUsageView {
    /// The tenant's quota.
    pub quota: QuotaView,
    /// The last thirty days, newest first.
    pub days: Vec<AudioDay>,
}

/// The audio usage of one day.
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
    /// Audio of jobs.
    pub jobs: f64,
    /// Audio of streams.
    pub streams: f64,
}

impl KeyUsageView {
    /// Creates the view of a key's usage: the requests and the audio of each day that had any.
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
