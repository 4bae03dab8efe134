use crate::{Command, CommandAnswer, CommandContext, Effect, HttpRoute, Method, arguments::given};
use dalston_auth::rights;
use dalston_model::{Description, KeyPatch, KeyScopes, Metadata, Name, RateLimit, Timestamp};
use dalston_service::{KeyView, ServiceResult, Services};
use schemars::JsonSchema;
use serde::Deserialize;

/// Update an API key. Omitted fields are unchanged; null clears a field.
#[derive(Deserialize, JsonSchema)]
#[expect(clippy::option_option, reason = "left out, cleared and set are three things")]
pub(crate) struct Update {
    /// Id of the key.
    key_id: String,
    /// New display name, 1 to 255 characters.
    #[schemars(with = "Option<String>", length(min = 1, max = 255), extend("type" = "string"))]
    #[serde(default, deserialize_with = "given")]
    name: Option<Name>,
    /// New purpose, at most 1000 characters; null for none.
    #[schemars(with = "Option<String>", length(max = 1000))]
    #[serde(default, deserialize_with = "given")]
    description: Option<Option<Description>>,
    /// New scopes, which replace all present ones.
    #[schemars(with = "Option<super::ScopesSchema>", extend("type" = "array"))]
    #[serde(default, deserialize_with = "given")]
    scopes: Option<KeyScopes>,
    /// Requests per minute, 1 to 1000000; null for no limit.
    #[schemars(with = "Option<u32>", range(min = 1, max = 1_000_000))]
    #[serde(default, deserialize_with = "given")]
    rate_limit: Option<Option<RateLimit>>,
    /// Whether the key is enabled.
    #[schemars(with = "Option<bool>", extend("type" = "boolean"))]
    #[serde(default, deserialize_with = "given")]
    enabled: Option<bool>,
    /// Expiry time: RFC 3339 with a time zone; null for never.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    #[serde(default, deserialize_with = "given")]
    expires_at: Option<Option<Timestamp>>,
    /// New custom JSON object, at most 4096 bytes. Replaces the present one.
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>", extend("type" = "object"))]
    #[serde(default, deserialize_with = "given")]
    metadata: Option<Metadata>,
}

impl Command for Update {
    type Right = rights::Admin;
    type Output = KeyView;

    const NAME: &'static str = "keys.update";
    const TOOL: &'static str = "update_api_key";
    const EFFECT: Effect = Effect::Write;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Patch, "/auth/keys/{key_id}");
    const EXAMPLE: &'static str = "key_id=0192f0c1-2b7a-7c3e-9d41-5f6e7a8b9c0d rate_limit=600";

    fn check(&self, services: &Services) -> ServiceResult<()> {
        self.scopes.as_ref().map_or(Ok(()), |scopes| Ok(services.keys.check_scopes(scopes)?))
    }

    async fn run(self, context: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Self::Output>> {
        let patch = KeyPatch {
            name: self.name,
            description: self.description,
            scopes: self.scopes,
            rate_limit: self.rate_limit,
            enabled: self.enabled,
            expires_at: self.expires_at,
            metadata: self.metadata,
        };
        let used = context.services.keys.update(&context.permit, super::key_id(&self.key_id)?, &patch).await?;
        Ok(CommandAnswer::new(KeyView::new(&used, context.services.keys.scopes())))
    }
}
