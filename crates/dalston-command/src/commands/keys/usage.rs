use super::notes;
use crate::{
    Answer, Block, Command, Context, Drawing, Effect, HttpRoute, Method, Span, Tone,
    commands::usage::{quota_fields, seconds},
    measure::{bar, grouped},
    text,
};
use dalston_auth::rights;
use dalston_model::Timestamp;
use dalston_service::{ServiceResult, usage_view};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// Show how an API key is used: requests admitted and refused, the last use, the last thirty days, and the audio of them.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Usage {
    /// The id of the key.
    key_id: String,
}

impl Command for Usage {
    type Right = rights::Admin;

    const NAME: &'static str = "keys.usage";
    const TOOL: &'static str = "check_api_key_usage";
    const EFFECT: Effect = Effect::Read;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Get, "/auth/keys/{key_id}/usage");
    const EXAMPLE: &'static str = "0192f0c1-2b7a-7c3e-9d41-5f6e7a8b9c0d";

    fn draw(data: &Value, now: Timestamp) -> Drawing {
        let Some(days) = data["days"].as_array() else { return Drawing::of(data, Self::COLUMNS) };
        let count = |value: &Value| value.as_u64().unwrap_or_default();
        let refused = |reason: &str| vec![refusals(count(&data["refused"][reason]))];
        let from = match data["last_used_from"].as_str() {
            Some(address) => Span::plain(address),
            None => Span::new(Tone::Faint, "not known"),
        };
        let fields = [
            ("key", vec![Span::new(Tone::Code, &text(&data["id"]))]),
            ("requests", vec![Span::plain(&grouped(count(&data["usage_count"])))]),
            ("refused: no room in the minute", refused("rate_limited")),
            ("refused: not the right scope", refused("insufficient_scope")),
            ("last used", notes::last_used(data, now)),
            ("last used from", vec![from]),
        ];
        let busiest = days.iter().map(|day| count(&day["requests"])).max().unwrap_or_default();
        let row = |day: &Value| {
            let requests = count(&day["requests"]);
            let audio = seconds(&day["audio_seconds"]["jobs"]) + seconds(&day["audio_seconds"]["streams"]);
            let cells = [text(&day["date"]), grouped(requests), bar(requests, busiest), grouped(audio)];
            cells.map(|cell| vec![Span::plain(&cell)]).into()
        };
        let fields = fields.into_iter().map(|(name, line)| (name.to_owned(), line));
        let fields = fields.chain(quota_fields(&data["quota"])).collect();
        let table = Drawing::table(&["day", "requests", "", "seconds of audio"], days.iter().map(row).collect());
        Drawing { blocks: [Block::Fields(fields)].into_iter().chain(table.blocks).collect() }
    }

    async fn run(self, context: Context<'_, Self::Right>) -> ServiceResult<Answer> {
        let id = super::key_id(&self.key_id)?;
        let usage = context.services.keys.usage(&context.permit, id).await?;
        let meter = context.services.meters.of_key(&context.permit, id).await?;
        Ok(Answer::new(usage_view(&id.to_string(), &usage, &meter)))
    }
}

fn refusals(count: u64) -> Span {
    Span::new(if count == 0 { Tone::Plain } else { Tone::Warning }, &grouped(count))
}
