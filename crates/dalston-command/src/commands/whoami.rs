use crate::{Answer, Command, Context, Effect, HttpRoute, Method};
use bytes::Bytes;
use dalston_auth::{Need, Permit};
use dalston_service::{ServiceResult, Services, key_view};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// Show who you are: your key, its tenant, its scopes.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Whoami {}

impl Command for Whoami {
    const NAME: &'static str = "whoami";
    const TOOL: &'static str = "whoami";
    const NEED: Need = Need::Caller;
    const EFFECT: Effect = Effect::Read;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Get, "/auth/me");

    fn ready(services: &Services, permit: &Permit) -> Option<Bytes> {
        services.keys.own_card(permit.caller().holder()?)
    }

    async fn run(self, context: Context<'_>) -> ServiceResult<Answer> {
        let caller = context.permit.caller();
        if let Some(holder) = caller.holder() {
            let used = context.services.keys.own(holder).await?;
            return Ok(Answer::new(key_view(&used)));
        }
        // The fields of a key, for a caller that is none.
        Ok(Answer::new(json!({
            "id": null,
            "prefix": null,
            "name": caller.source().actor.kind(),
            "description": null,
            "tenant_id": caller.tenant().as_str(),
            "scopes": caller.scopes(),
            "rate_limit": null,
            "enabled": true,
            "created_at": null,
            "created_by": null,
            "last_used_at": null,
            "expires_at": null,
            "revoked_at": null,
            "metadata": {},
        })))
    }
}
