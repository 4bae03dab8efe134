//! A key as the engines store it: the fields that are searched, and one JSON document for the rest.

use dalston_model::{
    Actor, Description, Key, KeyId, KeyScopes, Metadata, Name, RateLimit, ScopeError, TenantId, Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The columns of a key that are searched. Each of its other fields is stored in the JSON document, and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyColumns {
    /// See [`Key::id`].
    pub id: KeyId,
    /// See [`Key::tenant`].
    pub tenant: TenantId,
    /// See [`Key::enabled`].
    pub enabled: bool,
    /// See [`Key::created_at`].
    pub created_at: Timestamp,
    /// See [`Key::expires_at`].
    pub expires_at: Option<Timestamp>,
    /// See [`Key::revoked_at`].
    pub revoked_at: Option<Timestamp>,
}

/// The fields of a key that no engine searches. SQL engines store them as one JSON document.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeyRest {
    /// See [`Key::prefix`].
    pub prefix: String,
    /// See [`Key::name`].
    pub name: Name,
    /// See [`Key::scopes`].
    pub scopes: KeyScopes,
    /// See [`Key::rate_limit`].
    #[serde(default)]
    pub rate_limit: Option<RateLimit>,
    /// The fields that the Python gateway does not have.
    #[serde(flatten)]
    pub details: KeyDetails,
}

/// The fields of a key that no engine searches and that the Python gateway does not have. A field that is added later
/// needs a default, for rows from before.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct KeyDetails {
    #[serde(default)]
    description: Option<Description>,
    #[serde(default, with = "actor")]
    created_by: Option<Actor>,
    #[serde(default)]
    metadata: Metadata,
}

/// An actor as the audit log names it.
mod actor {
    use dalston_model::Actor;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de::Error as _};

    #[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
    pub(super) fn serialize<S: Serializer>(actor: &Option<Actor>, serializer: S) -> Result<S::Ok, S::Error> {
        actor.map(|actor| actor.to_string()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Actor>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
    }
}

impl KeyDetails {
    /// Returns the details of a key.
    pub fn of(key: &Key) -> Self {
        Self { description: key.description.clone(), created_by: key.created_by, metadata: key.metadata.clone() }
    }

    /// Returns the details in these fields. A field that cannot be read is left out: it gives no right, so a key is not
    /// refused for it.
    pub fn lenient(fields: Map<String, Value>) -> Self {
        let fields = Value::Object(fields);
        if let Ok(details) = Self::deserialize(&fields) {
            return details;
        }
        let Value::Object(mut fields) = fields else { return Self::default() };
        fields.retain(|name, value| Self::deserialize(&json!({name: value})).is_ok());
        Self::deserialize(&Value::Object(fields)).unwrap_or_default()
    }

    /// Returns the JSON of the details.
    pub fn into_json(self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        }
    }
}

impl KeyColumns {
    /// Builds the key from these columns and the other fields. Fails if the model does not allow a value.
    pub fn with(self, rest: KeyRest) -> Result<Key, serde_json::Error> {
        let Self { id, tenant, enabled, created_at, expires_at, revoked_at } = self;
        let KeyRest { prefix, name, scopes, rate_limit, details } = rest;
        let KeyDetails { description, created_by, metadata } = details;
        if !scopes.names().all(KeyScopes::is_storable) {
            return Err(serde::de::Error::custom(ScopeError::Unreadable));
        }
        Ok(Key {
            id,
            tenant,
            prefix,
            name,
            description,
            scopes,
            rate_limit,
            enabled,
            created_at,
            created_by,
            expires_at,
            revoked_at,
            metadata,
        })
    }

    /// Builds the key from these columns and a JSON document of the other fields, as written by [`key_rest`]. Fails if the
    /// model does not allow a value.
    pub fn key(self, rest: &str) -> Result<Key, serde_json::Error> {
        self.with(serde_json::from_str(rest)?)
    }
}

/// Returns the JSON document of the fields that have no column.
pub fn key_rest(key: &Key) -> Result<String, serde_json::Error> {
    serde_json::to_string(&KeyRest {
        prefix: key.prefix.clone(),
        name: key.name.clone(),
        scopes: key.scopes.clone(),
        rate_limit: key.rate_limit,
        details: KeyDetails::of(key),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_from_before_a_field_is_read() {
        let columns = KeyColumns {
            id: "550e8400-e29b-41d4-a716-446655440000".parse().unwrap(),
            tenant: TenantId::default(),
            enabled: true,
            created_at: Timestamp::from_secs(1),
            expires_at: None,
            revoked_at: None,
        };
        let key =
            columns.clone().key(r#"{"prefix": "dk_0123456", "name": "n", "scopes": ["admin"], "later": 1}"#).unwrap();
        assert_eq!((key.description.clone(), key.created_by), (None, None));
        let rest = key_rest(&key).unwrap();
        assert_eq!(columns.clone().key(&rest).unwrap(), key);
        for wrong in [
            "",
            "{}",
            r#"{"prefix": "p", "name": "", "scopes": ["admin"]}"#,
            r#"{"prefix": "p", "name": "n", "scopes": []}"#,
            r#"{"prefix": "p", "name": "n", "scopes": ["admin", "ro ot"]}"#,
        ] {
            assert!(columns.clone().key(wrong).is_err(), "{wrong}");
        }
        let odd = r#"{"prefix": "p", "name": "n", "scopes": ["admin"], "created_by": "nobody in particular"}"#;
        assert!(columns.key(odd).is_err());
    }
}
