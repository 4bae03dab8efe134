//! JSON Schemas as a validator reads them.

use serde_json::Value;

/// Asserts that the JSON fits the schema (draft 2020-12), formats of texts included.
pub fn assert_fits(what: &str, schema: &Value, json: &Value) {
    let validator = jsonschema::draft202012::options().should_validate_formats(true).build(schema);
    let validator = validator.unwrap_or_else(|error| panic!("the schema of {what} is none: {error}"));
    let errors: Vec<String> =
        validator.iter_errors(json).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{what} does not fit its schema: {errors:?}");
}

/// The schema with no room for fields that it does not name.
pub fn closed(mut schema: Value) -> Value {
    close(&mut schema);
    schema
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.values_mut().for_each(close);
            if members.get("properties").is_some_and(Value::is_object) && !members.contains_key("additionalProperties")
            {
                members.insert("additionalProperties".to_owned(), false.into());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}
