//! The commands on keys.

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

/// The schema of a list of scopes: the names that are known, which are put in when the table of commands is made.
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

/// The id that a text stands for. One that is no id belongs to no key.
pub(crate) fn key_id(text: &str) -> ServiceResult<KeyId> {
    text.parse().map_err(|_| ServiceError::NotFound("API key"))
}

/// Scopes where they are left out.
pub(crate) fn default_scopes() -> KeyScopes {
    KeyScopes::DEFAULT
}
