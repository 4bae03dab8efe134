//! The `create-admin-key` command; its output is the box of seed M11.

use crate::{args::ParsedArgs, backend::Backend, cli_error::CliError, deliver, show, style::OutputStyle};
use dalston_command::{Arguments, Registry, shown};
use dalston_model::Name;
use dalston_runtime::admin_box;
use serde_json::json;

/// Creates an admin key with this name and scope, and its tenant unless it exists.
pub(crate) async fn create(
    registry: &Registry,
    door: &Backend,
    (name, scope): (Name, &str),
    given: &ParsedArgs,
) -> Result<(), CliError> {
    let row = registry.row("keys.create").ok_or_else(|| CliError::failed("there is no keys.create"))?;
    door.ensure_tenant(registry).await?;
    let arguments = Arguments::from_iter([("name".to_owned(), json!(name)), ("scopes".to_owned(), json!([scope]))]);
    let answer = door.invoke(registry, row, arguments).await?;
    match (given.style(), &answer.secret) {
        (OutputStyle::Terminal(_) | OutputStyle::Plain, Some((_, secret))) => {
            let id = answer.answer.id.as_deref().unwrap_or_default();
            let drawn = admin_box(&shown(id), &name.to_string(), scope, secret, door.url());
            deliver(registry, row, &answer, given, drawn.as_bytes())
        }
        _ => show(registry, row, &answer, given),
    }
}
