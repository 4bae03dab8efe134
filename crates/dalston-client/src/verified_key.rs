//! What a gateway says of a key.

use dalston_model::{KeyId, TenantId, Timestamp};
use serde::Deserialize;
use std::sync::Arc;

/// A key that the gateway accepted. A clone is another name for the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedKey(Arc<VerifiedKeyParts>);

#[derive(Debug, PartialEq, Eq)]
struct VerifiedKeyParts {
    id: KeyId,
    name: String,
    tenant: TenantId,
    scopes: Vec<String>,
    expires_at: Option<Timestamp>,
}

/// The answer on the wire. Other members are passed over; these must be there, but for the end of a key without one.
#[derive(Deserialize)]
struct WireKey {
    id: Option<String>,
    name: String,
    tenant_id: String,
    scopes: Vec<String>,
    #[serde(default)]
    expires_at: Option<Timestamp>,
}

/// What an answer says.
pub(crate) enum VerifyAnswer {
    /// A key.
    Key(VerifiedKey),
    /// A caller without a key: the operator's own secret.
    Keyless,
}

impl VerifiedKey {
    /// Reads an answer. `None`: it is not one of a gateway's.
    pub(crate) fn read(body: &[u8]) -> Option<VerifyAnswer> {
        let WireKey { id, name, tenant_id, scopes, expires_at } = serde_json::from_slice(body).ok()?;
        let Some(id) = id else { return Some(VerifyAnswer::Keyless) };
        let parts =
            VerifiedKeyParts { id: id.parse().ok()?, name, tenant: tenant_id.parse().ok()?, scopes, expires_at };
        Some(VerifyAnswer::Key(Self(Arc::new(parts))))
    }

    /// Its id.
    pub fn id(&self) -> KeyId {
        self.0.id
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Its tenant.
    pub fn tenant(&self) -> &TenantId {
        &self.0.tenant
    }

    /// Its scopes by their names, as the gateway lists them.
    pub fn scopes(&self) -> &[String] {
        &self.0.scopes
    }

    /// Whether this scope is among them. What `admin` and `platform` include besides is the gateway's rule, and not known
    /// here.
    pub fn holds(&self, scope: &str) -> bool {
        self.0.scopes.iter().any(|held| held == scope)
    }

    /// When it expires.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.0.expires_at
    }
}
