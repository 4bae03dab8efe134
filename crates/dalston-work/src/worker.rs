//! Stream workers and the sessions that they serve.

use crate::SessionId;
use dalston_model::{IdError, KeyId, TenantId, Timestamp};
use std::{fmt, str::FromStr};

/// Name of a worker, chosen by the worker: `^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(String);

impl WorkerId {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for WorkerId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
        let first = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if first && text.len() <= 63 && text.bytes().all(inner) { Ok(Self(text.to_owned())) } else { Err(IdError) }
    }
}

/// Registration of a stream worker (a WebSocket server). Each heartbeat repeats it in full.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Worker {
    /// Its name.
    #[serde(with = "as_text")]
    pub id: WorkerId,
    /// Tenant that the worker is reserved for; `None` means all tenants.
    #[serde(with = "as_text_option", default)]
    pub tenant: Option<TenantId>,
    /// Address: `ws://` or `wss://`.
    pub url: String,
    /// Models that the worker serves; empty means any.
    pub models: Vec<String>,
    /// Languages that the worker serves; empty means any.
    pub languages: Vec<String>,
    /// Maximum number of concurrent sessions.
    pub capacity: u32,
}

impl Worker {
    /// Returns whether the worker can serve a session of this tenant, model and language. `auto` matches any language.
    pub fn serves(&self, tenant: &TenantId, model: &str, language: &str) -> bool {
        self.tenant.as_ref().is_none_or(|own| own == tenant)
            && (self.models.is_empty() || self.models.iter().any(|it| it == model))
            && (self.languages.is_empty() || language == "auto" || self.languages.iter().any(|it| it == language))
    }

    /// Returns the maximum number of concurrent sessions of one tenant: with several tenants half of the capacity,
    /// rounded up, unless the worker is reserved for a tenant; otherwise the whole capacity.
    pub fn share(&self, is_one_of_several: bool) -> u32 {
        if is_one_of_several && self.tenant.is_none() { self.capacity.div_ceil(2) } else { self.capacity }
    }
}

/// A worker with its load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerLoad {
    /// The worker.
    pub worker: Worker,
    /// Number of its open sessions.
    pub sessions: u32,
    /// Time at which the registration expires unless a heartbeat renews it.
    pub lapses_at: Timestamp,
}

/// A session to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// Its id.
    pub id: SessionId,
    /// The tenant.
    pub tenant: TenantId,
    /// The key, if one was used.
    pub key: Option<KeyId>,
    /// Requested model.
    pub model: String,
    /// Requested language, or `auto`.
    pub language: String,
    /// Whether several tenants use the deployment; each may then use only its share of a shared worker.
    pub is_one_of_several: bool,
}

mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::{fmt::Display, str::FromStr};

    pub(super) fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, T: FromStr, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(|_| D::Error::custom("not of this form"))
    }
}

mod as_text_option {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
    use std::{fmt::Display, str::FromStr};

    #[expect(clippy::ref_option, reason = "serde hands the field over as it is")]
    pub(super) fn serialize<T: Display, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
        value.as_ref().map(ToString::to_string).serialize(serializer)
    }

    pub(super) fn deserialize<'de, T: FromStr, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(|_| D::Error::custom("not of this form"))).transpose()
    }
}
