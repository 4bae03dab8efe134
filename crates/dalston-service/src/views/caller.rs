use crate::KeyView;
use dalston_auth::Caller;
use dalston_model::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The caller: the fields of its key, which are null for a caller without a key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CallerView {
    /// The id of the key.
    pub id: Option<String>,
    /// The first characters of the key's secret, for display.
    pub prefix: Option<String>,
    /// The name for people; for a caller without a key, the kind of caller.
    pub name: String,
    /// A description of the key for people.
    pub description: Option<String>,
    /// The tenant that the caller works in.
    pub tenant_id: String,
    /// The caller's scopes.
    pub scopes: Vec<String>,
    /// Requests per minute; null is no limit.
    pub rate_limit: Option<u32>,
    /// Whether the key is enabled.
    pub enabled: bool,
    /// When the key was created.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub created_at: Option<Timestamp>,
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

impl CallerView {
    /// Creates the view of a caller without a key.
    pub fn keyless(caller: &Caller) -> Self {
        Self {
            id: None,
            prefix: None,
            name: caller.source().actor.kind().to_owned(),
            description: None,
            tenant_id: caller.tenant().to_string(),
            scopes: caller.scopes().iter().map(|scope| scope.as_str().to_owned()).collect(),
            rate_limit: None,
            enabled: true,
            created_at: None,
            created_by: None,
            last_used_at: None,
            expires_at: None,
            revoked_at: None,
            metadata: Map::new(),
        }
    }
}

impl From<KeyView> for CallerView {
    fn from(key: KeyView) -> Self {
        Self {
            id: Some(key.id),
            prefix: Some(key.prefix),
            name: key.name,
            description: key.description,
            tenant_id: key.tenant_id,
            scopes: key.scopes,
            rate_limit: key.rate_limit,
            enabled: key.enabled,
            created_at: Some(key.created_at),
            created_by: key.created_by,
            last_used_at: key.last_used_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            metadata: key.metadata,
        }
    }
}
