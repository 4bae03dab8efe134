//! Workers of streams, and the sessions that they serve.

use crate::SessionId;
use dalston_model::{IdError, KeyId, TenantId, Timestamp};
use std::{fmt, str::FromStr};

/// The name of a worker: `^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$`, of its own choice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(String);

impl WorkerId {
    /// The text.
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

/// A worker of streams: a WebSocket server, as it registers. Each heartbeat brings all of it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Worker {
    /// Its name.
    #[serde(with = "as_text")]
    pub id: WorkerId,
    /// The tenant that it serves; `None`: all of them.
    #[serde(with = "as_text_option", default)]
    pub tenant: Option<TenantId>,
    /// Where it is: `ws://` or `wss://`.
    pub url: String,
    /// Models that it has; none named: any.
    pub models: Vec<String>,
    /// Languages that it knows; none named: any.
    pub languages: Vec<String>,
    /// Sessions at once.
    pub capacity: u32,
}

impl Worker {
    /// Whether it can serve a session of this tenant, model and language. `auto` is any language.
    pub fn serves(&self, tenant: &TenantId, model: &str, language: &str) -> bool {
        self.tenant.as_ref().is_none_or(|own| own == tenant)
            && (self.models.is_empty() || self.models.iter().any(|it| it == model))
            && (self.languages.is_empty() || language == "auto" || self.languages.iter().any(|it| it == language))
    }

    /// How many sessions of one tenant it serves at once: of one of several, half of what it could, rounded up, unless it
    /// is the tenant's own.
    pub fn share(&self, is_one_of_several: bool) -> u32 {
        if is_one_of_several && self.tenant.is_none() { self.capacity.div_ceil(2) } else { self.capacity }
    }
}

/// A worker with its load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerLoad {
    /// The worker.
    pub worker: Worker,
    /// Its sessions now.
    pub sessions: u32,
    /// When its registration lapses unless it is heard again.
    pub lapses_at: Timestamp,
}

/// A session that asks for a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// Its id.
    pub id: SessionId,
    /// The tenant.
    pub tenant: TenantId,
    /// The key, if one was used.
    pub key: Option<KeyId>,
    /// The model that is asked for.
    pub model: String,
    /// The language that is asked for, or `auto`.
    pub language: String,
    /// Whether its tenant is one of several.
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
