use crate::{Command, CommandAnswer, CommandContext, Effect, HttpRoute};
use dalston_auth::{KeyExpiry, NewKey, rights};
use dalston_model::{Description, KeyScopes, Metadata, Name, RateLimit, TenantId, Timestamp};
use dalston_service::{IssuedSecret, KeyView, ServiceError, ServiceResult, Services};
use schemars::JsonSchema;
use serde::Deserialize;
use std::time::Duration;

/// Maximum lifetime that can be requested, in seconds: ten years.
const LONGEST: u32 = 315_360_000;

/// Create an API key. Its secret is shown once.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Create {
    /// Display name, 1 to 255 characters.
    #[schemars(with = "String", length(min = 1, max = 255))]
    name: Name,
    /// Purpose, at most 1000 characters.
    #[schemars(with = "Option<String>", length(max = 1000))]
    description: Option<Description>,
    /// Scopes; jobs:read, jobs:write, realtime by default.
    #[serde(default = "super::default_scopes")]
    #[schemars(with = "super::ScopesSchema")]
    scopes: KeyScopes,
    /// Requests per minute, 1 to 1000000; null for no limit.
    #[schemars(with = "Option<u32>", range(min = 1, max = 1_000_000))]
    rate_limit: Option<RateLimit>,
    /// Expiry time: RFC 3339 with a time zone; never by default.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    expires_at: Option<Timestamp>,
    /// Lifetime in seconds, 1 to 315360000. Instead of an expiry time.
    #[schemars(range(min = 1, max = 315_360_000))]
    expires_in_seconds: Option<u32>,
    /// Custom JSON object, at most 4096 bytes.
    #[serde(default)]
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    metadata: Metadata,
    /// Tenant of the key; your own by default. Another one requires the scope platform.
    #[schemars(length(max = 63))]
    tenant_id: Option<String>,
}

impl Command for Create {
    type Right = rights::Admin;
    type Output = KeyView;

    const NAME: &'static str = "keys.create";
    const TOOL: &'static str = "create_api_key";
    const EFFECT: Effect = Effect::Write;
    const ROUTE: HttpRoute = HttpRoute::creating("/auth/keys");
    const EXAMPLE: &'static str = "name=\"Read only\" scopes=jobs:read";

    fn check(&self, services: &Services) -> ServiceResult<()> {
        Ok(services.keys.check_scopes(&self.scopes)?)
    }

    async fn run(self, context: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Self::Output>> {
        let ends = match (self.expires_at, self.expires_in_seconds) {
            (None, None) => KeyExpiry::Never,
            (Some(at), None) => KeyExpiry::At(at),
            (None, Some(seconds)) if (1..=LONGEST).contains(&seconds) => {
                KeyExpiry::In(Duration::from_secs(seconds.into()))
            }
            (None, Some(_)) => {
                return Err(ServiceError::invalid("expires_in_seconds", "must be an integer from 1 to 315360000"));
            }
            (Some(_), Some(_)) => {
                return Err(ServiceError::invalid("expires_in_seconds", "must not be given together with expires_at"));
            }
        };
        // An invalid tenant name is reported as not found, like an unknown tenant.
        let tenant = self.tenant_id.map(|id| id.parse::<TenantId>()).transpose();
        let ask = NewKey {
            name: self.name,
            description: self.description,
            scopes: self.scopes,
            rate_limit: self.rate_limit,
            ends,
            metadata: self.metadata,
            tenant: tenant.map_err(|_| ServiceError::NotFound("Tenant"))?,
        };
        let minted = context.services.keys.create(&context.permit, ask, context.repeat.as_ref()).await?;
        let view = KeyView::new(&minted.key, context.services.keys.scopes());
        Ok(CommandAnswer {
            secret: Some(IssuedSecret::key(&minted.key.key, minted.secret)),
            ..CommandAnswer::new(view)
        })
    }
}
