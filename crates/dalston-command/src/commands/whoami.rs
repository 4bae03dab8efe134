use crate::{Answer, Command, Context, Effect, HttpRoute, Method};
use bytes::Bytes;
use dalston_auth::{Caller, rights};
use dalston_service::{ServiceResult, Services, key_view};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// Show who you are: your key, its tenant, its scopes.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Whoami {}

impl Command for Whoami {
    type Right = rights::Authenticated;

    const NAME: &'static str = "whoami";
    const TOOL: &'static str = "whoami";
    const EFFECT: Effect = Effect::Read;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Get, "/auth/me");

    fn ready(services: &Services, caller: &Caller) -> Option<Bytes> {
        services.own_keys.card(caller.holder()?)
    }

    async fn run(self, context: Context<'_, Self::Right>) -> ServiceResult<Answer> {
        let caller = context.permit.caller();
        if let Some(holder) = caller.holder() {
            let used = context.services.own_keys.read(holder).await?;
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
