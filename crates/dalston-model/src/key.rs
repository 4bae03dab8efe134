//! An API key: everything about it but its secrets.

use crate::{Actor, Description, KeyId, KeyScopes, Metadata, Name, RateLimit, TenantId, Timestamp};

/// A key, as stores keep it. The digests of its secrets and its usage live beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// Its id, for life.
    pub id: KeyId,
    /// The tenant that it belongs to and works in.
    pub tenant: TenantId,
    /// The first 10 characters of its current secret, for display.
    pub prefix: String,
    /// What people call it.
    pub name: Name,
    /// What it is for.
    pub description: Option<Description>,
    /// What it may do.
    pub scopes: KeyScopes,
    /// Requests per minute; `None` is no limit.
    pub rate_limit: Option<RateLimit>,
    /// Whether it is switched on.
    pub enabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it. `None` for keys of the Python gateway.
    pub created_by: Option<Actor>,
    /// When it stops.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked. Set once, never cleared.
    pub revoked_at: Option<Timestamp>,
    /// The client's own object.
    pub metadata: Metadata,
}

/// What a key is at a moment. Revoked wins over expired, expired over disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It works.
    Active,
    /// It was revoked.
    Revoked {
        /// When.
        at: Timestamp,
    },
    /// Its time is over.
    Expired {
        /// Since when.
        at: Timestamp,
    },
    /// It is switched off.
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

    /// What the key is at `now`. It works up to, not at, its `expires_at`.
    pub fn state(&self, now: Timestamp) -> KeyState {
        match (self.revoked_at, self.expires_at) {
            (Some(at), _) => KeyState::Revoked { at },
            (None, Some(at)) if at <= now => KeyState::Expired { at },
            _ if self.enabled => KeyState::Active,
            _ => KeyState::Disabled,
        }
    }

    /// Whether it works at `now` and can manage the tenant's keys.
    pub fn is_live_admin(&self, now: Timestamp) -> bool {
        self.state(now) == KeyState::Active && self.scopes.manages()
    }
}

/// Which fields of a key to change, and to what. `None` leaves a field; `Some(None)` clears it.
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
    /// On or off.
    pub enabled: Option<bool>,
    /// A new end, or none.
    pub expires_at: Option<Option<Timestamp>>,
    /// New metadata.
    pub metadata: Option<Metadata>,
}

impl KeyPatch {
    /// The key with the changes made.
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

    /// The names of the fields that it changes.
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
