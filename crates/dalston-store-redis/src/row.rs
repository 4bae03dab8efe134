//! A key as the scripts read and write it: our record, and what the Python gateway says of the key beside it.

use crate::audit::AuditArgument;
use crate::record::{KeyRecord, LegacyUse};
use dalston_model::{AuditEntry, Key, TenantId, Timestamp};
use dalston_store::{KeyWithUse, StoreResult};
use redis::{FromRedisValue, ParsingError, Value, from_redis_value};
use serde::Serialize;

/// A key with all that stands beside it.
pub(crate) struct StoredKey {
    /// Its id.
    pub(crate) id: String,
    record: Option<String>,
    /// The digest of its current secret. `None`: nobody knows the key.
    pub(crate) digest: Option<String>,
    old: Option<String>,
    old_until: Option<i64>,
    seq: Option<String>,
    view: Option<String>,
    last_used: Option<i64>,
    /// Its place in the list that it was read from.
    pub(crate) score: Option<i64>,
}

impl FromRedisValue for StoredKey {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        let (id, record, digest, old, old_until, seq, view, last_used, score) = from_redis_value(value)?;
        Ok(Self { id, record, digest, old, old_until, seq, view, last_used, score })
    }
}

/// Who knows of a key, or of its revocation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyOrigin {
    /// We do.
    Ours,
    /// We do, but only the Python gateway knows that it is revoked.
    RevokedElsewhere,
    /// The Python gateway alone.
    Foreign,
}

/// A key, understood.
pub(crate) struct KnownKey {
    /// The key with its last use, as both sides together say.
    pub(crate) used: KeyWithUse,
    /// Who knows.
    pub(crate) standing: KeyOrigin,
    /// The digest of its current secret.
    pub(crate) digest: String,
    /// The digest that overlaps, and until when.
    pub(crate) old: Option<(String, Timestamp)>,
    /// The number of its last change.
    pub(crate) seq: String,
    /// Whether the Python gateway's view says that it is revoked.
    pub(crate) view_revoked: bool,
}

impl StoredKey {
    /// The key. `None` when nobody knows it; corrupt when it is no key of the model.
    pub(crate) fn known(self) -> StoreResult<Option<KnownKey>> {
        let Some(digest) = self.digest else { return Ok(None) };
        let seen = self.view.as_deref().map(LegacyUse::read).unwrap_or_default();
        let mut key = match (&self.record, &self.view) {
            // What we know outlives whatever became of the view.
            (Some(json), _) => KeyRecord::read(&self.id, json)?.into_key()?,
            (None, Some(json)) => KeyRecord::read(&self.id, json)?.into_legacy_key()?,
            (None, None) => return Ok(None),
        };
        let standing = match (&self.record, key.revoked_at) {
            (None, _) => KeyOrigin::Foreign,
            (Some(_), None) if seen.is_revoked() => KeyOrigin::RevokedElsewhere,
            (Some(_), _) => KeyOrigin::Ours,
        };
        if key.revoked_at.is_none() && seen.is_revoked() {
            key.revoked_at = Some(seen.revoked_at().unwrap_or(key.created_at));
        }
        let last_used_at = self.last_used.map(Timestamp::from_micros).max(seen.last_used_at());
        Ok(Some(KnownKey {
            used: KeyWithUse { key, last_used_at },
            standing,
            digest,
            old: self.old.zip(self.old_until.map(Timestamp::from_micros)),
            seq: self.seq.unwrap_or_default(),
            view_revoked: seen.is_revoked(),
        }))
    }

    /// The key, where one that cannot be understood must not stand in the way of others.
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
    /// Whether the record goes to the Python gateway's view too.
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

/// What a key is filed by for the figures.
#[derive(Default, Serialize)]
struct FiguresArgument {
    /// Until when it is not expired, unless it is revoked or disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    open_until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used: Option<String>,
}

/// A key that is filed and otherwise stays as it is.
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
    /// `used` under its current digest.
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

    /// For the Python gateway to see.
    pub(crate) fn shared(self) -> Self {
        Self { share: true, ..self }
    }

    /// Under the overlapping digest too.
    pub(crate) fn with_old(self, used: &KeyWithUse, old: Option<&str>) -> StoreResult<Self> {
        let old_record = old.map(|old| KeyRecord::write(&used.key, old, used.last_used_at)).transpose()?;
        Ok(Self { old: old.map(str::to_owned), old_record, ..self })
    }

    /// With an audit record.
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
    /// Out of what the tenant's index of all keys leads to. One that cannot be read is none of the open ones.
    pub(crate) fn new(tenant: &TenantId, row: StoredKey) -> Self {
        let (id, seq) = (row.id.clone(), row.seq.clone().unwrap_or_default());
        let known = row.known_or_none();
        let created = known.as_ref().map_or(0, |known| known.used.key.created_at.as_micros()).to_string();
        let figures = known.map(|known| FiguresArgument::new(&known.used)).unwrap_or_default();
        Self { id, tenant: tenant.to_string(), seq, created, figures }
    }
}

/// When a key ends, as a score.
fn end(key: &Key) -> String {
    key.expires_at.map_or_else(|| "+inf".to_owned(), |at| at.as_micros().to_string())
}

/// Until when a key counts as a live admin key; `None` when it does not.
fn admin_until(key: &Key) -> Option<String> {
    let live = key.enabled && key.revoked_at.is_none() && key.scopes.manages();
    live.then(|| end(key))
}
