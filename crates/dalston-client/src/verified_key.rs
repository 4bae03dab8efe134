//! Verified key: the gateway's answer about a key that it accepted.

use dalston_model::{KeyId, TenantId, Timestamp};
use serde::Deserialize;
use std::sync::Arc;

/// A key that the gateway accepted. Clones share their data.
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

/// The JSON answer. Unknown members are ignored. All of these are required, except `id` (absent for the master key) and
/// `expires_at` (absent for a key that does not expire).
#[derive(Deserialize)]
struct WireKey {
    id: Option<String>,
    name: String,
    tenant_id: String,
    scopes: Vec<String>,
    #[serde(default)]
    expires_at: Option<Timestamp>,
}

/// A parsed answer.
pub(crate) enum VerifyAnswer {
    /// The caller is a key.
    Key(VerifiedKey),
    /// The caller has no key: it is the operator's master key.
    Keyless,
}

impl VerifiedKey {
    /// Parses an answer. Returns `None` if it is not an answer of a gateway.
    pub(crate) fn read(body: &[u8]) -> Option<VerifyAnswer> {
        let WireKey { id, name, tenant_id, scopes, expires_at } = serde_json::from_slice(body).ok()?;
        let Some(id) = id else { return Some(VerifyAnswer::Keyless) };
        let parts =
            VerifiedKeyParts { id: id.parse().ok()?, name, tenant: tenant_id.parse().ok()?, scopes, expires_at };
        Some(VerifyAnswer::Key(Self(Arc::new(parts))))
    }

    /// The key's id.
    pub fn id(&self) -> KeyId {
        self.0.id
    }

    /// The key's display name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The key's tenant.
    pub fn tenant(&self) -> &TenantId {
        &self.0.tenant
    }

    /// The names of the key's scopes, as the gateway lists them.
    pub fn scopes(&self) -> &[String] {
        &self.0.scopes
    }

    /// Whether the key lists this scope. The scopes that `admin` and `platform` include are the gateway's rule, and not
    /// known here.
    pub fn holds(&self, scope: &str) -> bool {
        self.0.scopes.iter().any(|held| held == scope)
    }

    /// When the key expires; `None` is never.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.0.expires_at
    }
}
