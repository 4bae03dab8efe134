use crate::{Command, CommandAnswer, CommandContext, Effect, HttpRoute, Method};
use dalston_auth::rights;
use dalston_service::{IssuedSecret, KeyView, Overlap, RotatedKeyView, ServiceError, ServiceResult};
use schemars::JsonSchema;
use serde::Deserialize;
use std::time::Duration;

/// Maximum overlap in seconds: a week.
const LONGEST: u32 = 604_800;

/// Rotate the secret of an API key. The new secret is shown once.
///
/// The id, scopes, limits and counters are kept. Fails during the overlap of an earlier rotation, unless the request
/// ends it.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Rotate {
    /// Id of the key.
    key_id: String,
    /// Overlap in seconds during which the old secret stays valid, 0 to 604800; 0 by default.
    #[serde(default)]
    #[schemars(range(min = 0, max = 604_800))]
    overlap_seconds: u32,
    /// Whether to end the overlap of an earlier rotation, and with it the oldest secret, now; false by default.
    #[serde(default)]
    end_overlap: bool,
}

impl Command for Rotate {
    type Right = rights::Admin;
    type Output = RotatedKeyView;

    const NAME: &'static str = "keys.rotate";
    const TOOL: &'static str = "rotate_api_key";
    const EFFECT: Effect = Effect::Irreversible;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Post, "/auth/keys/{key_id}/rotate");
    const EXAMPLE: &'static str = "key_id=0192f0c1-2b7a-7c3e-9d41-5f6e7a8b9c0d overlap_seconds=3600";

    async fn run(self, context: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Self::Output>> {
        if self.overlap_seconds > LONGEST {
            return Err(ServiceError::invalid("overlap_seconds", "must be an integer from 0 to 604800"));
        }
        let id = super::key_id(&self.key_id)?;
        let length = Duration::from_secs(self.overlap_seconds.into());
        let overlap = Overlap { length, end_running: self.end_overlap };
        let rotated = context.services.keys.rotate(&context.permit, id, overlap, context.repeat.as_ref()).await?;
        let key = &rotated.key;
        let view = KeyView::new(key, context.services.keys.scopes());
        let output = RotatedKeyView { key: view, previous_expires_at: rotated.previous_expires_at };
        Ok(CommandAnswer { secret: Some(IssuedSecret::key(&key.key, rotated.secret)), ..CommandAnswer::new(output) })
    }
}
