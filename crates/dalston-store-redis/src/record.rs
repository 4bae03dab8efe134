//! The JSON of a key: the seed's fields as Pydantic writes them, then the fields of this store.

use dalston_model::{Key, KeyScopes, Name, RateLimit, Scope, Timestamp};
use dalston_store::{KeyColumns, KeyDetails, KeyRest, StoreError, StoreResult};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};
use serde_json::{Map, Value};
use std::{collections::BTreeSet, fmt::Write as _};

/// The built-in scopes that the Python gateway knows. That gateway accepts any text as a scope. So in one of its keys,
/// the name of any other built-in scope never granted a right.
const SEED_SCOPES: [Scope; 5] = [Scope::JobsRead, Scope::JobsWrite, Scope::Realtime, Scope::Webhooks, Scope::Admin];

/// The JSON of a key.
#[derive(Serialize, Deserialize)]
pub(crate) struct KeyRecord {
    id: String,
    key_hash: String,
    prefix: String,
    name: String,
    tenant_id: String,
    scopes: Vec<String>,
    #[serde(default)]
    rate_limit: Value,
    created_at: PydanticTime,
    last_used_at: Option<PydanticTime>,
    revoked_at: Option<PydanticTime>,
    #[serde(default = "enabled")]
    enabled: bool,
    #[serde(default)]
    expires_at: Option<PydanticTime>,
    /// The fields of [`KeyDetails`], and fields that this version does not know.
    #[serde(flatten)]
    details: Map<String, Value>,
}

/// Data of a key that possibly only the Python gateway has recorded.
#[derive(Default, Deserialize)]
pub(crate) struct LegacyUse {
    revoked_at: Option<Value>,
    last_used_at: Option<Value>,
}

/// A time as Pydantic writes it: with six fractional digits or none.
#[derive(Clone, Copy)]
struct PydanticTime(Timestamp);

const fn enabled() -> bool {
    true
}

impl KeyRecord {
    /// Encodes `key` for one of its digests.
    pub(crate) fn write(key: &Key, digest: &str, last_used_at: Option<Timestamp>) -> StoreResult<String> {
        let record = Self {
            id: key.id.to_string(),
            key_hash: digest.to_owned(),
            prefix: key.prefix.clone(),
            name: key.name.to_string(),
            tenant_id: key.tenant.to_string(),
            scopes: key.scopes.names().map(str::to_owned).collect(),
            rate_limit: key.rate_limit.map(RateLimit::get).into(),
            created_at: PydanticTime(key.created_at),
            last_used_at: last_used_at.map(PydanticTime),
            revoked_at: key.revoked_at.map(PydanticTime),
            enabled: key.enabled,
            expires_at: key.expires_at.map(PydanticTime),
            details: KeyDetails::of(key).into_json(),
        };
        serde_json::to_string(&record).map_err(|error| StoreError::corrupt(format_args!("key {}: {error}", key.id)))
    }

    /// Parses the JSON of the key `id`. The error names only the id.
    pub(crate) fn read(id: &str, json: &str) -> StoreResult<Self> {
        let record = serde_json::from_str::<Self>(json).ok().filter(|record| record.id == id);
        record.ok_or_else(|| StoreError::corrupt(format_args!("key {id}")))
    }

    /// Decodes a key from this store's record.
    pub(crate) fn into_key(self) -> StoreResult<Key> {
        self.key(&Scope::BUILT_IN)
    }

    /// Decodes a key from a record that the Python gateway made.
    pub(crate) fn into_legacy_key(self) -> StoreResult<Key> {
        self.key(&SEED_SCOPES)
    }

    /// Decodes the key leniently, because the Python gateway validates nothing, but never widens its rights.
    ///
    /// Drops built-in scopes that are not in `built_in`, and scopes whose names no key can have; keeps the other names.
    /// Fails if no scope remains.
    fn key(self, built_in: &[Scope]) -> StoreResult<Key> {
        let odd = || StoreError::corrupt(format_args!("key {}", self.id));
        let stays = |name: &&str| match Scope::built_in(name) {
            Some(scope) => built_in.contains(&scope),
            None => KeyScopes::is_storable(name),
        };
        let scopes: BTreeSet<&str> = self.scopes.iter().map(String::as_str).filter(stays).collect();
        let columns = KeyColumns {
            id: self.id.parse().map_err(|_| odd())?,
            tenant: self.tenant_id.parse().map_err(|_| odd())?,
            enabled: self.enabled,
            created_at: self.created_at.0,
            expires_at: self.expires_at.map(|at| at.0),
            revoked_at: self.revoked_at.map(|at| at.0),
        };
        let rest = KeyRest {
            prefix: self.prefix.clone(),
            name: lenient_name(&self.name).ok_or_else(odd)?,
            scopes: KeyScopes::named(scopes).map_err(|_| odd())?,
            rate_limit: lenient_rate_limit(&self.rate_limit),
            details: KeyDetails::lenient(self.details),
        };
        columns.with(rest).map_err(|_| odd())
    }
}

impl LegacyUse {
    /// Parses the JSON at a digest; empty if it is invalid.
    pub(crate) fn read(json: &str) -> Self {
        serde_json::from_str(json).unwrap_or_default()
    }

    /// Returns whether the key was revoked. Any value but null is a revocation: an unreadable time must not bypass one.
    pub(crate) fn is_revoked(&self) -> bool {
        self.revoked_at.is_some()
    }

    /// Returns when the key was revoked, if the value is readable.
    pub(crate) fn revoked_at(&self) -> Option<Timestamp> {
        self.revoked_at.as_ref().and_then(Value::as_str).and_then(Timestamp::parse)
    }

    /// Returns when the Python gateway last used the key.
    pub(crate) fn last_used_at(&self) -> Option<Timestamp> {
        self.last_used_at.as_ref().and_then(Value::as_str).and_then(Timestamp::parse)
    }
}

/// Returns the valid part of a name, or `unnamed`. A name grants no right, so a key is not refused for it.
fn lenient_name(text: &str) -> Option<Name> {
    let clean: String = text.chars().filter(|c| !c.is_control()).take(255).collect();
    clean.parse().or_else(|_| "unnamed".parse()).ok()
}

/// Returns the rate limit that a record means, but never a wider one.
///
/// The Python gateway accepts a number or a numeric text, and 0 means no limit there. A fraction is rounded down. A
/// value that cannot be a limit becomes 1, the narrowest limit; a value above the maximum becomes the maximum.
fn lenient_rate_limit(given: &Value) -> Option<RateLimit> {
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || b".+-".contains(&byte));
    let number = match given {
        Value::Null => return None,
        Value::Number(number) => number.as_f64(),
        Value::String(text) => Some(text.trim()).filter(|text| is_plain(text)).and_then(|text| text.parse().ok()),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    if number == Some(0.0) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` cuts off, and saturates")]
    let whole = number.unwrap_or_default() as u32;
    RateLimit::new(whole.clamp(1, RateLimit::MAX)).ok()
}

impl Serialize for PydanticTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::new();
        // A time out of the range of years is an error here; `to_string` would panic.
        write!(text, "{}", Timestamp::from_secs(self.0.as_secs())).map_err(|_| S::Error::custom("no time"))?;
        let micros = self.0.as_micros().rem_euclid(1_000_000);
        if micros != 0 {
            text.pop();
            write!(text, ".{micros:06}Z").map_err(|_| S::Error::custom("no time"))?;
        }
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for PydanticTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Timestamp::parse(&text).map(Self).ok_or_else(|| D::Error::custom("no time"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ID: &str = "550e8400-e29b-41d4-a716-446655440000";

    fn python(scopes: &str, limit: &str, name: &str) -> StoreResult<Key> {
        let json = format!(
            r#"{{"id":"{ID}","key_hash":"{}","prefix":"dk_abc1234","name":"{name}","tenant_id":"default","scopes":{scopes},"rate_limit":{limit},"created_at":"2026-01-29T12:00:00.123456Z","last_used_at":null,"revoked_at":null}}"#,
            "0".repeat(64)
        );
        KeyRecord::read(ID, &json)?.into_legacy_key()
    }

    #[test]
    fn a_key_of_the_python_gateway_is_read_and_written_byte_for_byte() {
        let key = python(r#"["jobs:read","admin"]"#, "60", "Produktion ü").unwrap();
        let json = KeyRecord::write(&key, &"0".repeat(64), None).unwrap();
        let seed = r#""name":"Produktion ü","tenant_id":"default","scopes":["jobs:read","admin"],"rate_limit":60,"created_at":"2026-01-29T12:00:00.123456Z","last_used_at":null,"revoked_at":null,"#;
        assert!(json.contains(seed), "{json}");
        assert_eq!(KeyRecord::read(ID, &json).unwrap().into_key().unwrap(), key);
    }

    #[test]
    fn what_the_python_gateway_did_not_check_is_never_wider() {
        let scopes = |text| python(text, "null", "x").map(|key| key.scopes.to_string()).ok();
        assert_eq!(scopes(r#"["platform","worker","jobs:read","jobs:read"]"#).as_deref(), Some("jobs:read"));
        let unknown =
            r#"["notes:read","metrics","Admin","jobs:read","notes:read","verify","no word","nоtes","a,b",""]"#;
        assert_eq!(scopes(unknown).as_deref(), Some("jobs:read,Admin,notes:read"));
        assert_eq!(scopes(r#"["platform"]"#), None);
        assert_eq!(scopes("[]"), None);
        let limit = |text| python(r#"["admin"]"#, text, "x").unwrap().rate_limit.map(RateLimit::get);
        for none in ["null", "0", "0.0", "-0.0", "0e5", r#""0""#] {
            assert_eq!(limit(none), None, "{none}");
        }
        let odd = ["0.5", "1e-300", "-5", "-0.5", "-1e300", "true", "false", "[]", "{}", "[60]"];
        let odd_texts = ["", "many", "NaN", "inf", "1e9", "0x10", "-5", "6 0", "0,5", "1.0.0", "+-1"];
        let odd_texts = odd_texts.map(|text| format!("\"{text}\""));
        for narrowest in odd.into_iter().chain(odd_texts.iter().map(String::as_str)).chain(["1", "1.0", "1.9"]) {
            assert_eq!(limit(narrowest), Some(1), "{narrowest}");
        }
        for sixty in ["60", "60.0", "60.9999", "6e1", "0.6e2", r#""60""#, r#"" 60 ""#, r#""60.0""#, r#""+60""#] {
            assert_eq!(limit(sixty), Some(60), "{sixty}");
        }
        assert_eq!(limit("59.5"), Some(59));
        for most in ["1000000", "1000000.5", "2000000", "1e300", "18446744073709551616", r#""99999999999999999999999""#]
        {
            assert_eq!(limit(most), Some(RateLimit::MAX), "{most}");
        }
        assert!(python(r#"["admin"]"#, "NaN", "x").is_err() && python(r#"["admin"]"#, "1e400", "x").is_err());
        let name = |text: &str| python(r#"["admin"]"#, "null", text).unwrap().name.to_string();
        assert_eq!(name(&"x".repeat(300)), "x".repeat(255));
        assert_eq!(name("  "), "unnamed");
        assert_eq!(name(r"a\u0000b"), "ab");
    }

    #[test]
    fn a_field_that_gives_no_right_and_cannot_be_read_is_left_out() {
        let key = python(r#"["admin"]"#, "null", "x").unwrap();
        let described = Key { description: Some("fine".parse().unwrap()), ..key.clone() };
        let json = KeyRecord::write(&described, &"0".repeat(64), None).unwrap();
        assert_eq!(KeyRecord::read(ID, &json).unwrap().into_key().unwrap(), described);
        for (field, odd) in [
            ("description", json!("x".repeat(1_001))),
            ("description", json!("a\u{202e}b")),
            ("description", json!(7)),
            ("created_by", json!("whatever")),
            ("created_by", json!({"a": 1})),
            ("metadata", json!(null)),
            ("metadata", json!([1])),
            ("metadata", json!({"long": "x".repeat(20_000)})),
            ("later", json!({"of": "a later version"})),
        ] {
            let mut record: Map<String, Value> = serde_json::from_str(&json).unwrap();
            record.insert(field.to_owned(), odd.clone());
            let read = KeyRecord::read(ID, &Value::Object(record).to_string()).unwrap().into_key().unwrap();
            let described = if field == "description" { &key } else { &described };
            assert_eq!(&read, described, "{field} {odd}");
        }
    }

    #[test]
    fn a_time_has_six_digits_or_none() {
        let text = |at: &str| serde_json::to_string(&PydanticTime(Timestamp::parse(at).unwrap())).unwrap();
        assert_eq!(text("2026-01-29T12:00:00.5+01:00"), "\"2026-01-29T11:00:00.500000Z\"");
        assert_eq!(text("2026-01-29T12:00:00Z"), "\"2026-01-29T12:00:00Z\"");
        assert!(serde_json::to_string(&PydanticTime(Timestamp::from_micros(i64::MAX))).is_err());
    }
}
