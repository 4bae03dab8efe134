//! Arguments: from bytes or texts to the type of a command, with errors that name the field and never its value.

use crate::Row;
use dalston_auth::MasterKeys;
use dalston_service::{FieldError, ServiceError, ServiceResult};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};
use std::{borrow::Cow, fmt};

/// Named values, as a door carried them in.
pub type Arguments = Map<String, Value>;

/// Reads a JSON object. Refuses what is not UTF-8, duplicate members, trailing data and NUL characters.
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

/// The value that a text stands for, as the schema of the parameter wants it: `5` where a number is wanted, `a,b`
/// where a list is. What does not fit stays a text, and the command says what is wrong with it.
pub fn coerce(schema: &Value, text: &str) -> Value {
    let wants = |kind: &str| match &schema["type"] {
        Value::String(only) => only == kind,
        Value::Array(any) => any.iter().any(|one| one == kind),
        _ => false,
    };
    let plain_number = text.bytes().all(|byte| byte.is_ascii_digit());
    match text {
        "null" if wants("null") => Value::Null,
        "true" | "false" if wants("boolean") => Value::Bool(text == "true"),
        _ if wants("integer") && plain_number => text.parse::<u64>().map_or_else(|_| text.into(), Value::from),
        _ if wants("array") => text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect(),
        _ if wants("object") => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
        _ => text.into(),
    }
}

/// The arguments as the type of the command: all unknown and missing names at once, else the first value that is wrong.
pub(crate) fn parse<T: DeserializeOwned>(row: &Row, arguments: Arguments) -> ServiceResult<T> {
    let unknown = arguments.keys().filter(|name| row.parameter(name).is_none());
    let unknown = unknown.map(|name| unknown_field(name));
    let missing = row.parameters.iter().filter(|it| it.required && !arguments.contains_key(it.name.as_str()));
    let missing = missing.map(|parameter| FieldError::new(parameter.name.clone(), "is required"));
    let wrong: Vec<FieldError> = unknown.chain(missing).collect();
    if !wrong.is_empty() {
        return Err(ServiceError::Invalid(wrong));
    }
    serde_path_to_error::deserialize(Value::Object(arguments)).map_err(|error| {
        let path = error.path().to_string();
        let field = path.split(['.', '[']).next().unwrap_or_default();
        let said = error.inner().to_string();
        // Our own types say what they want, and begin with "must"; serde's messages quote the value.
        let detail = if said.starts_with("must ") {
            Cow::Owned(said)
        } else {
            row.parameter(field).map_or(Cow::Borrowed("is not acceptable"), |parameter| wanted(&parameter.schema))
        };
        ServiceError::invalid(field, detail)
    })
}

/// Reads a value that is given, be it null: a field that is left out stays `None`.
pub(crate) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The error of a field that nobody asked for.
pub fn unknown_field(name: &str) -> FieldError {
    FieldError::new(shown_name(name), "is not a field of this request")
}

/// The name that a client gave to a field, as an answer may show it: not if somebody may have pasted a secret there. Each
/// secret of ours is longer than any name that is shown.
pub fn shown_name(name: &str) -> &str {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let is_plain = name.len() < MasterKeys::MIN_LENGTH && name.bytes().all(fits);
    if is_plain { name } else { "(unreadable name)" }
}

/// What a schema wants, in words.
fn wanted(schema: &Value) -> Cow<'static, str> {
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
    format!("must be of type {types}{range}{choice}").into()
}

/// Reads any JSON value, but refuses what `serde_json::Value` lets pass: a member named twice, a NUL character.
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
    fn a_text_becomes_what_the_schema_wants() {
        assert_eq!(coerce(&json!({"type": ["integer", "null"]}), "60"), json!(60));
        assert_eq!(coerce(&json!({"type": ["integer", "null"]}), "+60"), json!("+60"), "LIST-01");
        assert_eq!(coerce(&json!({"type": ["integer", "null"]}), "null"), json!(null));
        assert_eq!(coerce(&json!({"type": "array"}), "a, b"), json!(["a", "b"]));
        assert_eq!(coerce(&json!({"type": "string"}), "60"), json!("60"));
        assert_eq!(coerce(&json!({"type": "boolean"}), "true"), json!(true));
        assert_eq!(coerce(&json!({"type": "object"}), r#"{"a":1}"#), json!({"a": 1}));
    }
}
