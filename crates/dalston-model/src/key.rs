//! API key: all fields except its secrets.

use crate::{Actor, Description, KeyId, KeyScopes, Metadata, Name, RateLimit, TenantId, Timestamp};

/// An API key as the stores keep it. The digests of its secrets and its usage are stored separately.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// The key's id, which never changes.
    pub id: KeyId,
    /// The tenant that the key belongs to and acts in.
    pub tenant: TenantId,
    /// The first 10 characters of its current secret, for display.
    pub prefix: String,
    /// The display name.
    pub name: Name,
    /// The description.
    pub description: Option<Description>,
    /// The scopes.
    pub scopes: KeyScopes,
    /// The rate limit in requests per minute; `None` is unlimited.
    pub rate_limit: Option<RateLimit>,
    /// Whether the key is enabled.
    pub enabled: bool,
    /// When the key was created.
    pub created_at: Timestamp,
    /// Who created the key. `None` for keys of the Python gateway.
    pub created_by: Option<Actor>,
    /// When the key expires; `None` is never.
    pub expires_at: Option<Timestamp>,
    /// When the key was revoked. Set once, never cleared.
    pub revoked_at: Option<Timestamp>,
    /// The client's metadata.
    pub metadata: Metadata,
}

/// The state of a key at a given time. Revoked takes precedence over expired, and expired over disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// The key is valid.
    Active,
    /// The key was revoked.
    Revoked {
        /// When it was revoked.
        at: Timestamp,
    },
    /// The key has expired.
    Expired {
        /// When it expired.
        at: Timestamp,
    },
    /// The key is disabled.
    Disabled,
}

impl Key {
    /// A key of the tenant `default` with a name and scopes, made at `created_at`, and nothing else.
    pub fn named(id: KeyId, name: Name, scopes: KeyScopes, created_at: Timestamp) -> Self {
        Self {
            id,
            tenant: TenantId::default(),
            prefix: String::new(),
            name,
            description: None,
            scopes,
            rate_limit: None,
            enabled: true,
            created_at,
            created_by: None,
            expires_at: None,
            revoked_at: None,
            metadata: Metadata::default(),
        }
    }

    /// The state at `now`. The key is valid before its `expires_at`, and expired from that time on.
    pub fn state(&self, now: Timestamp) -> KeyState {
        match (self.revoked_at, self.expires_at) {
            (Some(at), _) => KeyState::Revoked { at },
            (None, Some(at)) if at <= now => KeyState::Expired { at },
            _ if self.enabled => KeyState::Active,
            _ => KeyState::Disabled,
        }
    }

    /// Whether the key is active at `now` and may manage the tenant's keys.
    pub fn is_live_admin(&self, now: Timestamp) -> bool {
        self.state(now) == KeyState::Active && self.scopes.manages()
    }
}

/// A partial update of a key. `None` leaves a field unchanged; `Some(None)` clears it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct KeyPatch {
    /// A new name.
    pub name: Option<Name>,
    /// A new description, or none.
    pub description: Option<Option<Description>>,
    /// New scopes.
    pub scopes: Option<KeyScopes>,
    /// A new limit, or none.
    pub rate_limit: Option<Option<RateLimit>>,
    /// Whether the key is enabled.
    pub enabled: Option<bool>,
    /// A new expiry, or none.
    pub expires_at: Option<Option<Timestamp>>,
    /// New metadata.
    pub metadata: Option<Metadata>,
}

impl KeyPatch {
    /// Returns the key with the changes applied.
    #[must_use]
    pub fn apply(&self, mut key: Key) -> Key {
        let Self { name, description, scopes, rate_limit, enabled, expires_at, metadata } = self.clone();
        key.name = name.unwrap_or(key.name);
        key.description = description.unwrap_or(key.description);
        key.scopes = scopes.unwrap_or(key.scopes);
        key.rate_limit = rate_limit.unwrap_or(key.rate_limit);
        key.enabled = enabled.unwrap_or(key.enabled);
        key.expires_at = expires_at.unwrap_or(key.expires_at);
        key.metadata = metadata.unwrap_or(key.metadata);
        key
    }

    /// The names of the fields that the update changes.
    pub fn fields(&self) -> Vec<&'static str> {
        [
            ("name", self.name.is_some()),
            ("description", self.description.is_some()),
            ("scopes", self.scopes.is_some()),
            ("rate_limit", self.rate_limit.is_some()),
            ("enabled", self.enabled.is_some()),
            ("expires_at", self.expires_at.is_some()),
            ("metadata", self.metadata.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, changed)| changed.then_some(name))
        .collect()
    }
}
