//! `usage`, and what `keys.usage`, `keys.quota` and `tenants.quota` have in common with it.

use crate::{
    Answer, Block, Command, Context, Drawing, Effect, HttpRoute, Line, Method, Span, Tone,
    measure::{bar, grouped},
    text,
};
use dalston_auth::rights;
use dalston_model::{Quota, Timestamp};
use dalston_service::{ServiceResult, meter_view};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Show the tenant's audio: seconds of jobs and of streams on each of the last thirty days, and how much it may.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Usage {}

impl Command for Usage {
    type Right = rights::Admin;

    const NAME: &'static str = "usage";
    const TOOL: &'static str = "check_usage";
    const EFFECT: Effect = Effect::Read;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Get, "/v1/usage");

    fn draw(data: &Value, _: Timestamp) -> Drawing {
        let days = data["days"].as_array().map(Vec::as_slice).unwrap_or_default();
        let seconds = |day: &Value| [seconds(&day["audio_seconds"]["jobs"]), seconds(&day["audio_seconds"]["streams"])];
        let most = days.iter().map(|day| seconds(day).iter().sum::<u64>()).max().unwrap_or_default();
        let row = |day: &Value| {
            let [jobs, streams] = seconds(day);
            let cells = [text(&day["date"]), grouped(jobs), grouped(streams), bar(jobs + streams, most)];
            cells.map(|cell| vec![Span::plain(&cell)]).into()
        };
        let table = Drawing::table(&["day", "seconds of jobs", "of streams", ""], days.iter().map(row).collect());
        Drawing { blocks: [Block::Fields(quota_fields(&data["quota"]))].into_iter().chain(table.blocks).collect() }
    }

    async fn run(self, context: Context<'_, Self::Right>) -> ServiceResult<Answer> {
        Ok(Answer::new(meter_view(&context.services.meters.of_tenant(&context.permit).await?)))
    }
}

/// The fields of a quota, for people.
pub(crate) fn quota_fields(quota: &Value) -> Vec<(String, Line)> {
    let shown = |value: &Value| match value.as_u64() {
        Some(number) => Span::plain(&grouped(number)),
        None => Span::new(Tone::Faint, "no limit"),
    };
    let fields = [
        ("seconds of audio a day", "seconds_per_day"),
        ("left today", "seconds_left_today"),
        ("jobs at once", "concurrent_jobs"),
        ("streams at once", "concurrent_streams"),
    ];
    fields.map(|(name, field)| (name.to_owned(), vec![shown(&quota[field])])).into()
}

/// Whole seconds.
pub(crate) fn seconds(value: &Value) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
    let seconds = value.as_f64().unwrap_or_default().round() as u64;
    seconds
}

/// A quota out of what was given for it: none at all is no limit.
pub(crate) fn quota(seconds: Option<Limit>, jobs: Option<Limit>, streams: Option<Limit>) -> Quota {
    let number = |limit: Option<Limit>| limit.map(|Limit(number)| number);
    Quota { seconds_per_day: number(seconds), concurrent_jobs: number(jobs), concurrent_streams: number(streams) }
}

/// A limit: 0, which lets nothing through, to 1,000,000.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit(u32);

impl Limit {
    pub(crate) const MAX: u32 = 1_000_000;
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u32::deserialize(deserializer)?;
        let wrong = || serde::de::Error::custom("must be an integer from 0 to 1000000, or null for no limit");
        (number <= Self::MAX).then_some(Self(number)).ok_or_else(wrong)
    }
}
