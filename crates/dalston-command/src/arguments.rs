//! Argument parsing: from bytes or texts to the type of a command. Errors name the field, never its value.

use crate::CommandSpec;
use dalston_auth::{FieldError, MasterKeys};
use dalston_service::{ServiceError, ServiceResult};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};
use std::{borrow::Cow, fmt};

/// 2⁵³: below it an `f64` represents every whole number exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Named arguments, as received by a door.
pub type Arguments = Map<String, Value>;

/// Parses a JSON object. Rejects input that is not UTF-8, duplicate members, trailing data and NUL characters.
pub fn read_object(bytes: &[u8]) -> ServiceResult<Arguments> {
    let malformed = ServiceError::Malformed("The body is not a JSON object, or names a member twice");
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict.deserialize(&mut reader).map_err(|_| malformed.clone())?;
    reader.end().map_err(|_| malformed.clone())?;
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(malformed),
    }
}

/// Converts a text to the JSON type that the parameter's schema expects: `5` to a number, `a,b` to a list. A text that
/// does not fit stays a text, and the command reports what is wrong with it.
pub fn coerce(schema: &Value, text: &str) -> Value {
    let wants = |kind: &str| match &schema["type"] {
        Value::String(only) => only == kind,
        Value::Array(any) => any.iter().any(|one| one == kind),
        _ => false,
    };
    let is_plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // Python writes a whole number that it holds as a float in this form.
    let whole = text
        .split_once('.')
        .map_or(text, |(whole, zeros)| if zeros.trim_matches('0').is_empty() { whole } else { text });
    match text {
        "null" if wants("null") => Value::Null,
        _ if wants("boolean") => boolean(text).map_or_else(|| text.into(), Value::Bool),
        _ if wants("integer") && is_plain(whole) => whole.parse::<u64>().map_or_else(|_| text.into(), Value::from),
        _ if wants("array") => text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect(),
        _ if wants("object") => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
        _ => text.into(),
    }
}

/// Parses the spellings of true and false that clients use, in any case.
fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// Converts a number to what the schema means: `60.0` is an integer (JSON Schema, 6.1.1).
fn meant(schema: &Value, value: Value) -> Value {
    let wants_integer =
        schema["type"] == "integer" || schema["type"].as_array().is_some_and(|any| any.contains(&"integer".into()));
    match value.as_f64() {
        Some(number) if wants_integer && value.is_f64() && number.fract() == 0.0 && (0.0..EXACT).contains(&number) => {
            format!("{number:.0}").parse::<u64>().map_or(value, Value::from)
        }
        _ => value,
    }
}

/// Parses the arguments into the type of the command. The error lists all unknown and missing names at once, or else
/// the first invalid value.
pub(crate) fn parse<T: DeserializeOwned>(row: &CommandSpec, arguments: Arguments) -> ServiceResult<T> {
    let unknown = arguments.keys().filter(|name| row.parameter(name).is_none());
    let unknown = unknown.map(|name| unknown_field(name));
    let missing = row.parameters.iter().filter(|it| it.required && !arguments.contains_key(it.name.as_str()));
    let missing = missing.map(|parameter| FieldError::new(parameter.name.clone(), "is required"));
    let wrong: Vec<FieldError> = unknown.chain(missing).collect();
    if !wrong.is_empty() {
        return Err(ServiceError::Invalid(wrong));
    }
    let meant = |(name, value): (String, Value)| {
        let value = row.parameter(&name).map_or(Value::Null, |parameter| meant(&parameter.schema, value));
        (name, value)
    };
    let arguments: Arguments = arguments.into_iter().map(meant).collect();
    serde_path_to_error::deserialize(Value::Object(arguments)).map_err(|error| {
        let path = error.path().to_string();
        let field = path.split(['.', '[']).next().unwrap_or_default();
        let said = error.inner().to_string();
        // Error messages of our own types begin with "must"; serde's messages quote the value, which must not be shown.
        let detail = if said.starts_with("must ") {
            Cow::Owned(said)
        } else {
            row.parameter(field)
                .map_or(Cow::Borrowed("is not acceptable"), |parameter| wanted(field, &parameter.schema))
        };
        ServiceError::invalid(field, detail)
    })
}

/// Deserializes a field that is present, even if null. An absent field stays `None` (by its default).
pub(crate) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Returns the error for an unknown field.
pub fn unknown_field(name: &str) -> FieldError {
    FieldError::new(shown_name(name), "is not a field of this request")
}

/// Returns a field name in the form in which an error may show it. A name that could be a pasted secret is replaced:
/// every secret of the gateway is longer than any name that is shown.
pub fn shown_name(name: &str) -> &str {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let is_plain = name.len() < MasterKeys::MIN_LENGTH && name.bytes().all(fits);
    if is_plain { name } else { "(unreadable name)" }
}

/// Describes in words what the schema of a field expects, with an example where one helps.
fn wanted(field: &str, schema: &Value) -> Cow<'static, str> {
    let (is_time, nullable) = (schema["format"] == "date-time", schema["type"].is_array());
    if is_time {
        let or_null = if nullable { ", or null" } else { "" };
        return format!("must be a time with a zone, such as 2026-12-31T00:00:00Z{or_null}").into();
    }
    let types = match &schema["type"] {
        Value::String(only) => only.clone(),
        Value::Array(any) => any.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => return "is not acceptable".into(),
    };
    let range = match (schema["minimum"].as_u64(), schema["maximum"].as_u64()) {
        (Some(low), Some(high)) => format!(" from {low} to {high}"),
        _ => String::new(),
    };
    let choice = schema["enum"].as_array().map_or_else(String::new, |any| {
        format!(" among {}", any.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "))
    });
    let example = match field {
        _ if field.ends_with("_seconds") => ", such as 2592000 for 30 days",
        _ if types.contains("object") => ", such as {\"team\": \"a\"}",
        _ => "",
    };
    format!("must be of type {types}{range}{choice}{example}").into()
}

/// Deserializes any JSON value, but rejects what `serde_json::Value` accepts: duplicate members and NUL characters.
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        if value.contains('\0') { Err(E::custom("a NUL character")) } else { Ok(value.into()) }
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Strict)? {
            items.push(item);
        }
        Ok(items.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(Strict)?;
            if name.contains('\0') || object.insert(name, value).is_some() {
                return Err(A::Error::custom("a member is named twice, or holds a NUL character"));
            }
        }
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_object_is_read_strictly() {
        assert_eq!(
            read_object(br#"{"a": [1, {"b": null}]}"#),
            Ok(json!({"a": [1, {"b": null}]}).as_object().cloned().unwrap())
        );
        for wrong in [
            &br#"{"a": 1, "a": 2}"#[..],
            br#"{"a": {"b": 1, "b": 1}}"#,
            br#"{"a": 1} x"#,
            br#"{"a": "\u0000"}"#,
            br"[1]",
            b"",
            b"{\"a\": \"\xff\"}",
        ] {
            assert!(matches!(read_object(wrong), Err(ServiceError::Malformed(_))), "JSON-01 {wrong:?}");
        }
        assert!(read_object("[".repeat(100_000).as_bytes()).is_err());
    }

    #[test]
    fn a_number_without_a_fraction_is_an_integer() {
        let integer = json!({"type": ["integer", "null"]});
        for (given, read) in [
            (json!(60.0), json!(60)),
            (json!(0.0), json!(0)),
            (json!(1e3), json!(1000)),
            (json!(59.5), json!(59.5)),
            (json!(-1.0), json!(-1.0)),
            (json!(1e300), json!(1e300)),
            (json!("60"), json!("60")),
            (json!(null), json!(null)),
        ] {
            assert_eq!(meant(&integer, given.clone()), read, "{given}");
            assert_eq!(meant(&json!({"type": "string"}), given.clone()), given);
        }
    }

    #[test]
    fn a_text_becomes_what_the_schema_wants() {
        assert_eq!(coerce(&json!({"type": ["integer", "null"]}), "60"), json!(60));
        assert_eq!(coerce(&json!({"type": ["integer", "null"]}), "+60"), json!("+60"), "LIST-01");
        assert_eq!(coerce(&json!({"type": ["integer", "null"]}), "null"), json!(null));
        assert_eq!(coerce(&json!({"type": "array"}), "a, b"), json!(["a", "b"]));
        assert_eq!(coerce(&json!({"type": "string"}), "60"), json!("60"));
        for (text, value) in
            [("true", true), ("True", true), ("1", true), ("YES", true), ("False", false), ("0", false)]
        {
            assert_eq!(coerce(&json!({"type": "boolean"}), text), json!(value), "{text}");
        }
        assert_eq!(coerce(&json!({"type": "boolean"}), "2"), json!("2"));
        for (text, value) in [("60.0", json!(60)), ("60.", json!(60)), ("60.5", json!("60.5")), (".0", json!(".0"))] {
            assert_eq!(coerce(&json!({"type": "integer"}), text), value, "{text}");
        }
        assert_eq!(coerce(&json!({"type": "object"}), r#"{"a":1}"#), json!({"a": 1}));
    }
}
