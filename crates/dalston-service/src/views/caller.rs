use crate::KeyView;
use dalston_auth::Caller;
use dalston_model::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Whoever asks: the fields of its key, which are null for a caller that is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CallerView {
    /// The id of the key.
    pub id: Option<String>,
    /// The first characters of its secret, for display.
    pub prefix: Option<String>,
    /// What people call it; of a caller without a key, what it is.
    pub name: String,
    /// What the key is for.
    pub description: Option<String>,
    /// The tenant that the caller works in.
    pub tenant_id: String,
    /// What the caller may do.
    pub scopes: Vec<String>,
    /// Requests per minute; null is no limit.
    pub rate_limit: Option<u32>,
    /// Whether the key is switched on.
    pub enabled: bool,
    /// When the key was made.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub created_at: Option<Timestamp>,
    /// Who made it.
    pub created_by: Option<String>,
    /// When it was last used.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub last_used_at: Option<Timestamp>,
    /// When it expires.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub revoked_at: Option<Timestamp>,
    /// The client's own object.
    pub metadata: Map<String, Value>,
}

impl CallerView {
    /// A caller without a key.
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
