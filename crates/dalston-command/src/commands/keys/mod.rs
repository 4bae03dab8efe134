//! Commands on keys.

pub(crate) mod create;
pub(crate) mod get;
mod key_status;
pub(crate) mod list;
pub(crate) mod quota;
pub(crate) mod revoke;
pub(crate) mod rotate;
pub(crate) mod update;
pub(crate) mod usage;

use crate::schema::SCOPE;
use dalston_model::{KeyId, KeyScopes};
use dalston_service::{ServiceError, ServiceResult};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

/// JSON Schema of a list of scopes. The registry inserts the names of the known scopes when it is built.
pub(crate) struct ScopesSchema;

impl JsonSchema for ScopesSchema {
    fn schema_name() -> Cow<'static, str> {
        "Scopes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "array", "items": {"type": "string", "format": SCOPE}, "minItems": 1, "uniqueItems": true,
        })
    }
}

/// Parses a key id. A text that is not an id is reported as not found, like an unknown key.
pub(crate) fn key_id(text: &str) -> ServiceResult<KeyId> {
    text.parse().map_err(|_| ServiceError::NotFound("API key"))
}

/// Returns the scopes of a key that is created without any.
pub(crate) fn default_scopes() -> KeyScopes {
    KeyScopes::DEFAULT
}
