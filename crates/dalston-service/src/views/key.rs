use dalston_model::{Key, KnownScopes, Timestamp};
use dalston_store::KeyWithUse;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An API key without its secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KeyView {
    /// The key's permanent id.
    pub id: String,
    /// The first characters of the secret, for display.
    pub prefix: String,
    /// The name for people.
    pub name: String,
    /// A description for people.
    pub description: Option<String>,
    /// The tenant that the key belongs to.
    pub tenant_id: String,
    /// The key's scopes. Scopes that are no longer known come last, and grant nothing.
    pub scopes: Vec<String>,
    /// Requests per minute; null is no limit.
    pub rate_limit: Option<u32>,
    /// Whether the key is enabled.
    pub enabled: bool,
    /// When the key was created.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub created_at: Timestamp,
    /// Who created the key.
    pub created_by: Option<String>,
    /// When the key was last used.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub last_used_at: Option<Timestamp>,
    /// When the key expires.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub expires_at: Option<Timestamp>,
    /// When the key was revoked.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub revoked_at: Option<Timestamp>,
    /// The client's own object.
    pub metadata: Map<String, Value>,
}

impl KeyView {
    /// Creates the view of a key. `known` are the scopes that exist.
    pub fn new(used: &KeyWithUse, known: &KnownScopes) -> Self {
        let Key {
            id,
            tenant,
            prefix,
            name,
            description,
            scopes,
            rate_limit,
            enabled,
            created_at,
            created_by,
            expires_at,
            revoked_at,
            metadata,
        } = &used.key;
        Self {
            id: id.to_string(),
            prefix: prefix.clone(),
            name: name.to_string(),
            description: description.as_ref().map(ToString::to_string),
            tenant_id: tenant.to_string(),
            scopes: known.shown(scopes),
            rate_limit: rate_limit.map(dalston_model::RateLimit::get),
            enabled: *enabled,
            created_at: *created_at,
            created_by: created_by.map(|actor| actor.to_string()),
            last_used_at: used.last_used_at,
            expires_at: *expires_at,
            revoked_at: *revoked_at,
            metadata: metadata.as_object().clone(),
        }
    }
}

/// An API key after a rotation. Its new secret is beside it in the response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RotatedKeyView {
    /// The key.
    #[serde(flatten)]
    pub key: KeyView,
    /// Until when the previous secret is valid.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub previous_expires_at: Timestamp,
}
