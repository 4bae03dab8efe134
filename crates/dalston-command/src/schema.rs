//! JSON Schemas (draft 2020-12) of parameters and outputs, from types and their doc comments.

use crate::CommandOutput;
use dalston_model::{KnownScopes, Scope};
use schemars::{JsonSchema, Schema, generate::SchemaSettings, transform::RecursiveTransform};
use serde_json::{Map, Value};

/// Schema format that marks the name of a known scope. It is replaced with the list of those names.
pub(crate) const SCOPE: &str = "scope";

/// Returns the schema of parameters; scope names are limited to the known scopes.
pub(crate) fn parameters<T: JsonSchema>(known: &KnownScopes) -> Value {
    let names: Value = known.iter().map(Scope::as_str).collect();
    let settings = settings().with_transform(RecursiveTransform(move |schema: &mut Schema| {
        if schema.get("format").is_some_and(|format| format == SCOPE) {
            schema.remove("format");
            schema.insert("enum".to_owned(), names.clone());
        }
    }));
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// Returns the schema of an output, as serialized.
pub(crate) fn output<T: CommandOutput>() -> Map<String, Value> {
    let settings = settings().for_serialize().with_transform(RecursiveTransform(without_width));
    let mut schema = bare(settings.into_generator().into_root_schema_for::<T>().to_value());
    schema.shift_remove("description");
    schema
}

/// Removes what is given elsewhere: the draft, and the name and summary of the command.
pub(crate) fn bare(schema: Value) -> Map<String, Value> {
    let Value::Object(mut schema) = schema else { return Map::new() };
    schema.retain(|name, _| !matches!(name.as_str(), "$schema" | "title" | "description"));
    if schema.get("type").is_some_and(|kind| kind == "object") {
        // Some language model servers reject an object schema without `properties`.
        schema.entry("properties").or_insert_with(|| Value::Object(Map::new()));
    }
    schema
}

fn settings() -> SchemaSettings {
    SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true)
}

/// Removes the bit width of numbers: JSON has no widths, and validators warn about unknown formats.
fn without_width(schema: &mut Schema) {
    let is_number = |format: &Value| {
        format.as_str().is_some_and(|format| {
            matches!(format, "float" | "double") || format.trim_start_matches('u').starts_with("int")
        })
    };
    if schema.get("format").is_some_and(is_number) {
        schema.remove("format");
    }
}
