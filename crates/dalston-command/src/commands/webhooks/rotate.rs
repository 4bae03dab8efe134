use crate::{Command, CommandAnswer, CommandContext, Effect, HttpRoute, Method};
use dalston_auth::rights;
use dalston_service::{IssuedSecret, Overlap, RotatedWebhookView, ServiceError, ServiceResult};
use schemars::JsonSchema;
use serde::Deserialize;
use std::time::Duration;

/// Maximum overlap in seconds: a week.
const LONGEST: u32 = 604_800;

/// Rotate the secret of a webhook. The new secret is shown once.
///
/// During the overlap deliveries are signed with both secrets. Fails during the overlap of an earlier rotation, unless
/// the request ends it.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Rotate {
    /// Id of the webhook.
    webhook_id: String,
    /// Overlap in seconds during which the old secret signs too, 0 to 604800; 86400 (a day) by default.
    #[serde(default = "day")]
    #[schemars(range(min = 0, max = 604_800))]
    overlap_seconds: u32,
    /// Whether to end the overlap of an earlier rotation, and with it the oldest secret, now; false by default.
    #[serde(default)]
    end_overlap: bool,
}

const fn day() -> u32 {
    86_400
}

impl Command for Rotate {
    type Right = rights::Webhooks;
    type Output = RotatedWebhookView;

    const NAME: &'static str = "webhooks.rotate";
    const TOOL: &'static str = "rotate_webhook_secret";
    const EFFECT: Effect = Effect::Irreversible;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Post, "/v1/webhooks/{webhook_id}/rotate");
    const EXAMPLE: &'static str = "webhook_id=wh_0192f0c12b7a7c3e9d415f6e7a8b9c0d overlap_seconds=3600";

    async fn run(self, context: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Self::Output>> {
        if self.overlap_seconds > LONGEST {
            return Err(ServiceError::invalid("overlap_seconds", "must be an integer from 0 to 604800"));
        }
        let id = super::webhook_id(&self.webhook_id)?;
        let length = Duration::from_secs(self.overlap_seconds.into());
        let overlap = Overlap { length, end_running: self.end_overlap };
        let rotated = context.services.webhooks.rotate(&context.permit, id, overlap).await?;
        let webhook = &rotated.webhook;
        let output = RotatedWebhookView { webhook: webhook.into(), previous_expires_at: rotated.previous_expires_at };
        Ok(CommandAnswer { secret: Some(IssuedSecret::webhook(webhook, rotated.secret)), ..CommandAnswer::new(output) })
    }
}
