use super::key_status;
use crate::{
    Block, Command, CommandAnswer, CommandContext, Document, Effect, HttpRoute, Method, Span, Style,
    commands::usage::{quota_fields, seconds},
    humanize::{bar, grouped},
};
use dalston_auth::rights;
use dalston_model::Timestamp;
use dalston_service::{KeyUsageView, ServiceResult, UsageDay};
use schemars::JsonSchema;
use serde::Deserialize;

/// Show the usage of an API key.
///
/// Includes admitted and refused requests, the last use, the quotas, and requests and audio of the last 30 days.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ShowKeyUsage {
    /// Id of the key.
    key_id: String,
}

impl Command for ShowKeyUsage {
    type Right = rights::Admin;
    type Output = KeyUsageView;

    const NAME: &'static str = "keys.usage";
    const TOOL: &'static str = "check_api_key_usage";
    const EFFECT: Effect = Effect::Read;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Get, "/auth/keys/{key_id}/usage");
    const EXAMPLE: &'static str = "0192f0c1-2b7a-7c3e-9d41-5f6e7a8b9c0d";

    fn render(usage: &KeyUsageView, now: Timestamp) -> Document {
        let from = match &usage.last_used_from {
            Some(address) => Span::plain(address),
            None => Span::new(Style::Faint, "not known"),
        };
        let fields = [
            ("key", vec![Span::new(Style::Code, &usage.id)]),
            ("requests", vec![Span::plain(&grouped(usage.usage_count))]),
            ("refused: no room in the minute", vec![refusals(usage.refused.rate_limited)]),
            ("refused: not the right scope", vec![refusals(usage.refused.insufficient_scope)]),
            ("last used", key_status::last_used(usage.last_used_at, now)),
            ("last used from", vec![from]),
        ];
        let busiest = usage.days.iter().map(|day| day.requests).max().unwrap_or_default();
        let row = |UsageDay { date, requests, audio_seconds }: &UsageDay| {
            let audio = seconds(*audio_seconds).iter().sum();
            let cells = [date.clone(), grouped(*requests), bar(*requests, busiest), grouped(audio)];
            cells.map(|cell| vec![Span::plain(&cell)]).into()
        };
        let fields = fields.into_iter().map(|(name, line)| (name.to_owned(), line));
        let fields = fields.chain(quota_fields(&usage.quota)).collect();
        let table = Document::table(&["day", "requests", "", "seconds of audio"], usage.days.iter().map(row).collect());
        Document { blocks: [Block::Fields(fields)].into_iter().chain(table.blocks).collect() }
    }

    async fn run(self, context: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Self::Output>> {
        let id = super::key_id(&self.key_id)?;
        let usage = context.services.keys.usage(&context.permit, id).await?;
        let meter = context.services.meters.of_key(&context.permit, id).await?;
        Ok(CommandAnswer::new(KeyUsageView::new(id, &usage, &meter)))
    }
}

fn refusals(count: u64) -> Span {
    Span::new(if count == 0 { Style::Plain } else { Style::Warning }, &grouped(count))
}
