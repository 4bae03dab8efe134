//! The `usage` command, and what `keys.usage`, `keys.quota` and `tenants.quota` share with it.

use crate::{
    Block, Command, CommandAnswer, CommandContext, Document, Effect, HttpRoute, Method, Span, Style, TextLine,
    humanize::{bar, grouped},
};
use dalston_auth::rights;
use dalston_model::Timestamp;
use dalston_service::{AudioDay, AudioSeconds, QuotaView, ServiceResult, TenantUsageView};
use dalston_work::{Quota, QuotaKind};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

/// Show the audio usage and the quotas of your tenant.
///
/// Usage is in seconds, of jobs and of streams, on each of the last 30 days.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ShowTenantUsage {}

impl Command for ShowTenantUsage {
    type Right = rights::Admin;
    type Output = TenantUsageView;

    const NAME: &'static str = "usage";
    const TOOL: &'static str = "check_usage";
    const EFFECT: Effect = Effect::Read;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Get, "/v1/usage");

    fn render(TenantUsageView { quota, days }: &TenantUsageView, _: Timestamp) -> Document {
        let most = days.iter().map(|day| seconds(day.audio_seconds).iter().sum::<u64>()).max().unwrap_or_default();
        let row = |AudioDay { date, audio_seconds }: &AudioDay| {
            let [jobs, streams] = seconds(*audio_seconds);
            let cells = [date.clone(), grouped(jobs), grouped(streams), bar(jobs + streams, most)];
            cells.map(|cell| vec![Span::plain(&cell)]).into()
        };
        let table = Document::table(&["day", "seconds of jobs", "of streams", ""], days.iter().map(row).collect());
        Document { blocks: [Block::Fields(quota_fields(quota))].into_iter().chain(table.blocks).collect() }
    }

    async fn run(self, context: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Self::Output>> {
        Ok(CommandAnswer::new((&context.services.meters.of_tenant(&context.permit).await?).into()))
    }
}

/// Returns the fields of a quota for people.
pub(crate) fn quota_fields(quota: &QuotaView) -> Vec<(String, TextLine)> {
    let shown = |limit: Option<u64>| match limit {
        Some(number) => Span::plain(&grouped(number)),
        None => Span::new(Style::Faint, "no limit"),
    };
    let fields = [
        ("seconds of audio a day", quota.seconds_per_day.map(u64::from)),
        ("left today", quota.seconds_left_today),
        ("jobs at once", quota.concurrent_jobs.map(u64::from)),
        ("streams at once", quota.concurrent_streams.map(u64::from)),
    ];
    fields.map(|(name, limit)| (name.to_owned(), vec![shown(limit)])).into()
}

/// Returns the seconds of jobs and of streams, rounded to whole seconds.
pub(crate) fn seconds(audio: AudioSeconds) -> [u64; 2] {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
    let whole = |seconds: f64| seconds.round() as u64;
    [whole(audio.jobs), whole(audio.streams)]
}

/// A limit for each kind of quota. An omitted or null limit means no limit.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct QuotaArguments {
    /// Seconds of audio per day (UTC), jobs and streams together, 0 to 1000000; null for no limit.
    #[schemars(with = "Option<u32>", range(min = 0, max = Limit::MAX))]
    seconds_per_day: Option<Limit>,
    /// Concurrent jobs that have not ended, 0 to 1000000; null for no limit.
    #[schemars(with = "Option<u32>", range(min = 0, max = Limit::MAX))]
    concurrent_jobs: Option<Limit>,
    /// Concurrent open streams, 0 to 1000000; null for no limit.
    #[schemars(with = "Option<u32>", range(min = 0, max = Limit::MAX))]
    concurrent_streams: Option<Limit>,
}

impl From<QuotaArguments> for Quota {
    fn from(QuotaArguments { seconds_per_day, concurrent_jobs, concurrent_streams }: QuotaArguments) -> Self {
        let number = |limit: Option<Limit>| limit.map(|Limit(number)| number);
        Self::default()
            .with(QuotaKind::Seconds, number(seconds_per_day))
            .with(QuotaKind::Jobs, number(concurrent_jobs))
            .with(QuotaKind::Streams, number(concurrent_streams))
    }
}

/// A limit from 0, which blocks everything, to 1,000,000.
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
