//! A key as the scripts read and write it: this store's record, and the Python gateway's view.

use crate::audit::AuditArgument;
use crate::record::{KeyRecord, LegacyUse};
use dalston_model::{AuditEntry, Key, TenantId, Timestamp};
use dalston_store::{KeyWithUse, StoreResult};
use redis::{FromRedisValue, ParsingError, Value, from_redis_value};
use serde::Serialize;

/// A key with all data that belongs to it.
pub(crate) struct StoredKey {
    /// Its id.
    pub(crate) id: String,
    record: Option<String>,
    /// The digest of its current secret; `None` if neither side knows the key.
    pub(crate) digest: Option<String>,
    old: Option<String>,
    old_until: Option<i64>,
    seq: Option<String>,
    view: Option<String>,
    last_used: Option<i64>,
    /// Its score in the list that it was read from.
    pub(crate) score: Option<i64>,
}

impl FromRedisValue for StoredKey {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        let (id, record, digest, old, old_until, seq, view, last_used, score) = from_redis_value(value)?;
        Ok(Self { id, record, digest, old, old_until, seq, view, last_used, score })
    }
}

/// Which side knows a key, or its revocation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyOrigin {
    /// This store.
    Ours,
    /// This store, but only the Python gateway knows that the key is revoked.
    RevokedByLegacy,
    /// The Python gateway alone.
    LegacyOnly,
}

/// A decoded key.
pub(crate) struct KnownKey {
    /// The key with its last use, merged from both sides.
    pub(crate) used: KeyWithUse,
    /// Which side knows it.
    pub(crate) origin: KeyOrigin,
    /// The digest of its current secret.
    pub(crate) digest: String,
    /// The overlapping digest, and its expiry.
    pub(crate) old: Option<(String, Timestamp)>,
    /// The number of its last change.
    pub(crate) seq: String,
    /// Whether the Python gateway's view says that the key is revoked.
    pub(crate) legacy_revoked: bool,
}

impl StoredKey {
    /// Decodes the key. Returns `None` if neither side knows it, and fails as corrupt if the model does not allow it.
    pub(crate) fn known(self) -> StoreResult<Option<KnownKey>> {
        let Some(digest) = self.digest else { return Ok(None) };
        let seen = self.view.as_deref().map(LegacyUse::read).unwrap_or_default();
        let mut key = match (&self.record, &self.view) {
            // This store's record counts, whatever happened to the view.
            (Some(json), _) => KeyRecord::read(&self.id, json)?.into_key()?,
            (None, Some(json)) => KeyRecord::read(&self.id, json)?.into_legacy_key()?,
            (None, None) => return Ok(None),
        };
        let origin = match (&self.record, key.revoked_at) {
            (None, _) => KeyOrigin::LegacyOnly,
            (Some(_), None) if seen.is_revoked() => KeyOrigin::RevokedByLegacy,
            (Some(_), _) => KeyOrigin::Ours,
        };
        if key.revoked_at.is_none() && seen.is_revoked() {
            key.revoked_at = Some(seen.revoked_at().unwrap_or(key.created_at));
        }
        let last_used_at = self.last_used.map(Timestamp::from_micros).max(seen.last_used_at());
        Ok(Some(KnownKey {
            used: KeyWithUse { key, last_used_at },
            origin,
            digest,
            old: self.old.zip(self.old_until.map(Timestamp::from_micros)),
            seq: self.seq.unwrap_or_default(),
            legacy_revoked: seen.is_revoked(),
        }))
    }

    /// Decodes the key, or logs a warning and returns `None` if it is unreadable, so that it does not block other keys.
    pub(crate) fn known_or_none(self) -> Option<KnownKey> {
        let id = self.id.clone();
        self.known().unwrap_or_else(|_| {
            tracing::warn!(event = "key.unreadable", key = %id, "skipped an unreadable key");
            None
        })
    }
}

/// A key as the scripts write it.
#[derive(Serialize)]
pub(crate) struct KeyArgument {
    id: String,
    tenant: String,
    digest: String,
    record: String,
    /// Whether the record is written to the Python gateway's view too.
    share: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    old: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    old_record: Option<String>,
    created: String,
    revoked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    admin_until: Option<String>,
    #[serde(flatten)]
    figures: FiguresArgument,
    #[serde(skip_serializing_if = "Option::is_none")]
    audit: Option<AuditArgument>,
}

/// The scores of a key in the indexes for statistics.
#[derive(Default, Serialize)]
struct FiguresArgument {
    /// The expiry, unless the key is revoked or disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    open_until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used: Option<String>,
}

/// A key that is added to the indexes and not changed otherwise.
#[derive(Serialize)]
pub(crate) struct FileArgument {
    id: String,
    tenant: String,
    seq: String,
    created: String,
    #[serde(flatten)]
    figures: FiguresArgument,
}

impl KeyArgument {
    /// Encodes the key with its current digest.
    pub(crate) fn new(used: &KeyWithUse, digest: String) -> StoreResult<Self> {
        let key = &used.key;
        Ok(Self {
            id: key.id.to_string(),
            tenant: key.tenant.to_string(),
            record: KeyRecord::write(key, &digest, used.last_used_at)?,
            digest,
            share: false,
            old: None,
            old_record: None,
            created: key.created_at.as_micros().to_string(),
            revoked: key.revoked_at.is_some(),
            admin_until: admin_until(key),
            figures: FiguresArgument::new(used),
            audit: None,
        })
    }

    /// Also writes the Python gateway's view.
    pub(crate) fn shared(self) -> Self {
        Self { share: true, ..self }
    }

    /// Also writes the view at the overlapping digest.
    pub(crate) fn with_old(self, used: &KeyWithUse, old: Option<&str>) -> StoreResult<Self> {
        let old_record = old.map(|old| KeyRecord::write(&used.key, old, used.last_used_at)).transpose()?;
        Ok(Self { old: old.map(str::to_owned), old_record, ..self })
    }

    /// Adds an audit record.
    pub(crate) fn audited(self, entry: &AuditEntry) -> StoreResult<Self> {
        Ok(Self { audit: Some(AuditArgument::new(entry)?), ..self })
    }
}

impl FiguresArgument {
    fn new(KeyWithUse { key, last_used_at }: &KeyWithUse) -> Self {
        let open = key.enabled && key.revoked_at.is_none();
        Self { open_until: open.then(|| end(key)), last_used: last_used_at.map(|at| at.as_micros().to_string()) }
    }
}

impl FileArgument {
    /// Encodes a row of the tenant's index of all keys. An unreadable key is left out of the index of open keys.
    pub(crate) fn new(tenant: &TenantId, row: StoredKey) -> Self {
        let (id, seq) = (row.id.clone(), row.seq.clone().unwrap_or_default());
        let known = row.known_or_none();
        let created = known.as_ref().map_or(0, |known| known.used.key.created_at.as_micros()).to_string();
        let figures = known.map(|known| FiguresArgument::new(&known.used)).unwrap_or_default();
        Self { id, tenant: tenant.to_string(), seq, created, figures }
    }
}

/// The expiry of a key, as a score.
fn end(key: &Key) -> String {
    key.expires_at.map_or_else(|| "+inf".to_owned(), |at| at.as_micros().to_string())
}

/// Until when the key counts as a live admin key, as a score; `None` if it does not count.
fn admin_until(key: &Key) -> Option<String> {
    let live = key.enabled && key.revoked_at.is_none() && key.scopes.manages();
    live.then(|| end(key))
}
