//! The generated parts of the documents.
//!
//! A page has `<!-- generated: NAME -->` and `<!-- /generated -->` around such a part. `just pages` renews all of them.

use super::log_events;
use crate::house::root;
use dalston_auth::{Requirement, http::status_of};
use dalston_cli::exit_code_of;
use dalston_command::{CommandSpec, DATA_ROUTES, Parameter, Registry};
use dalston_model::{ErrorCode, Scope};
use dalston_runtime::{CLIENT_SETTINGS, SETTINGS, SettingRow};
use dalston_service::Report;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};
use std::fs;

/// The parts: the page, the name of the part, its text.
fn parts() -> [(&'static str, &'static str, String); 9] {
    [
        ("reference/scopes.md", "scopes", scopes()),
        ("reference/settings.md", "settings", settings(SETTINGS)),
        ("reference/settings.md", "client settings", settings(CLIENT_SETTINGS)),
        ("reference/commands.md", "list of commands", list_of_commands()),
        ("reference/commands.md", "commands", commands()),
        ("reference/routes.md", "routes", routes()),
        ("reference/errors.md", "errors", errors()),
        ("reference/status.md", "status", status()),
        ("reference/log-events.md", "log events", log_events::rows()),
    ]
}

#[test]
fn the_generated_parts_are_those_of_the_code() {
    let mut stale = Vec::new();
    for (page, name, text) in parts() {
        let path = root().join("docs").join(page);
        let whole = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{page}: {error}"));
        let (begin, end) = (format!("<!-- generated: {name} -->\n"), "<!-- /generated -->");
        let (head, rest) = whole.split_once(&begin).unwrap_or_else(|| panic!("{page} has no part {name}"));
        let (written, tail) = rest.split_once(end).unwrap_or_else(|| panic!("{page}: {name} has no end"));
        if written.trim() != text.trim() {
            // `just pages` copies it.
            let renewed = root().join("target/pages").join(page);
            let head = fs::read_to_string(&renewed)
                .ok()
                .and_then(|whole| whole.split_once(&begin).map(|(head, _)| head.to_owned()))
                .unwrap_or_else(|| head.to_owned());
            fs::create_dir_all(renewed.parent().unwrap()).unwrap();
            fs::write(&renewed, format!("{head}{begin}\n{}\n\n{end}{tail}", text.trim())).unwrap();
            stale.push(format!("{page}, {name}"));
        }
    }
    assert!(stale.is_empty(), "run `just pages`: {stale:#?}");
}

fn requirement(requirement: Requirement) -> String {
    match requirement {
        Requirement::Caller => "any caller".to_owned(),
        Requirement::Scope(scope) => format!("`{scope}`"),
    }
}

fn scopes() -> String {
    let row = |scope: Scope| format!("| `{scope}` | {} |\n", scope.summary());
    format!("| scope | allows |\n|---|---|\n{}", Scope::BUILT_IN.map(row).concat())
}

fn settings(all: &[SettingRow]) -> String {
    let row = |setting: &SettingRow| {
        let names: Vec<String> = setting.variables.iter().map(|name| format!("`{name}`")).collect();
        let default = if setting.default.is_empty() { String::new() } else { format!("`{}`", setting.default) };
        let flag = setting.flag();
        format!("| {} | `--{flag}` | {default} | {} |\n", names.join(" "), setting.meaning)
    };
    let rows: String = all.iter().map(row).collect();
    format!("| variable | flag | default | meaning |\n|---|---|---|---|\n{rows}")
}

fn list_of_commands() -> String {
    let row = |command: &CommandSpec| {
        let route = format!("`{} {}`", command.route.method.as_str(), command.route.pattern);
        let anchor = command.name.replace('.', "");
        let needs = requirement(command.requirement);
        format!("| [`{}`](#{anchor}) | {route} | {needs} | {} |\n", command.name, command.summary)
    };
    let rows: String = Registry::new().rows().iter().map(|command| row(command)).collect();
    format!("| command | route | needs | what it does |\n|---|---|---|---|\n{rows}")
}

fn commands() -> String {
    Registry::new().rows().iter().map(|one| command(one)).collect()
}

fn command(command: &CommandSpec) -> String {
    let CommandSpec { name, tool, summary, effect, example, parameters, .. } = command;
    let (route, needs) = (&command.route, requirement(command.requirement));
    let words = name.replace('.', " ");
    let mut text = format!(
        "### {name}\n\n{summary}\n\n* Route: `{} {}`. Tool: `{tool}`. Chat: `{}`. Command line: `dalston {words}`.\n\
         * Needs: {needs}. Effect: {}.\n",
        route.method.as_str(),
        route.pattern,
        command.slash(),
        effect.as_str(),
    );
    if !example.is_empty() {
        text.push_str(&format!("* Example: `{} {example}`\n", command.slash()));
    }
    if !parameters.is_empty() {
        let rows: String = parameters.iter().map(parameter).collect();
        text.push_str(&format!("\n| parameter | type | required | description |\n|---|---|---|---|\n{rows}"));
    }
    text + "\n"
}

fn parameter(parameter: &Parameter) -> String {
    let Parameter { name, summary, required, schema } = parameter;
    let required = if *required { "yes" } else { "" };
    format!("| `{name}` | {} | {required} | {} |\n", kind(schema), summary.replace('|', "\\|"))
}

/// The type of a parameter, as JSON Schema names it, with the values that it may have.
fn kind(schema: &Value) -> String {
    let of = |one: &Value| one.as_str().map(str::to_owned);
    let kinds: Vec<String> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(of).filter(|kind| kind != "null").collect(),
        kind => of(kind).into_iter().collect(),
    };
    let values = schema["enum"].as_array().or_else(|| schema["items"]["enum"].as_array());
    let values: Vec<String> = values.into_iter().flatten().filter_map(of).map(|value| format!("`{value}`")).collect();
    let kinds = if kinds.is_empty() { "string".to_owned() } else { kinds.join(" or ") };
    if values.is_empty() { kinds } else { format!("{kinds}: {}", values.join(", ")) }
}

fn routes() -> String {
    let rows: String = DATA_ROUTES
        .iter()
        .map(|route| {
            let needs = route.requirement.map_or_else(|| "nobody".to_owned(), requirement);
            format!("| `{} {}` | {needs} | {} |\n", route.method.as_str(), route.pattern, route.summary)
        })
        .collect();
    format!("| route | needs | what it does |\n|---|---|---|\n{rows}")
}

fn errors() -> String {
    let row = |code: &ErrorCode| {
        format!("| `{code}` | {} | {} | {} |\n", status_of(*code), exit_code_of(*code), code.meaning())
    };
    let rows: String = ErrorCode::ALL.iter().map(row).collect();
    format!("| code | HTTP status | exit code | meaning |\n|---|--:|--:|---|\n{rows}")
}

fn status() -> String {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut rows = String::new();
    fields("", &settings.into_generator().into_root_schema_for::<Report>().to_value(), &mut rows);
    format!("| field | who | meaning | null |\n|---|---|---|---|\n{rows}")
}

/// The fields of a schema: the dotted path, the meaning, when it is null. Objects only where they may be null.
fn fields(prefix: &str, schema: &Value, rows: &mut String) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{prefix}{name}");
        let inner = field["anyOf"].as_array().and_then(|any| any.iter().find(|one| one["properties"].is_object()));
        let is_nullable = *field == json!({"description": field["description"]})
            || field["anyOf"].as_array().is_some_and(|any| any.contains(&json!({"type": "null"})))
            || field["type"].as_array().is_some_and(|types| types.contains(&json!("null")));
        let meaning = field["description"].as_str().unwrap_or_else(|| panic!("{path} has no meaning"));
        let meaning = meaning.replace('\n', " ");
        let (meaning, null) =
            meaning.trim_end_matches('.').split_once("; null").unwrap_or((meaning.trim_end_matches('.'), ""));
        assert_eq!(is_nullable, !null.is_empty(), "{path}: whether it may be null is said in its meaning");
        let object = if field["properties"].is_object() { Some(field) } else { inner };
        if object.is_none() || is_nullable {
            let who = if path.starts_with("admin.") { "`admin`" } else { "everyone" };
            rows.push_str(&format!("| `{path}` | {who} | {meaning} | {} |\n", null.trim_start_matches([':', ' '])));
        }
        if let Some(object) = object {
            fields(&format!("{path}."), object, rows);
        }
    }
}
