//! Tools of MCP: the commands of the registry, listed and called.

use crate::{
    Gateway, claims,
    fault::{detail, problem},
};
use actix_web::{HttpRequest, web::Data};
use dalston_actix::Problem;
use dalston_auth::{Admission, Mask};
use dalston_command::{AnyAnswer, Arguments, Block, CommandSpec, Effect, Method, Registry, Span};
use dalston_model::{ScopeSet, Timestamp};
use dalston_service::{ClaimLinks, IssuedSecret, ServiceError, ServiceResult, detached};
use rmcp::{
    ErrorData,
    model::{CallToolRequestParams, CallToolResult, ContentBlock, ListToolsResult, Tool, ToolAnnotations},
};
use serde_json::{Map, Value, json};
use std::{borrow::Cow, sync::Arc};

/// Returns the tools of a caller: the commands that it is authorized to run.
pub(super) fn list(registry: &Registry, scopes: ScopeSet) -> ListToolsResult {
    ListToolsResult::with_all_items(registry.of(scopes).map(tool).collect())
}

/// Calls a tool. A caller that lacks the scope gets the same refusal as on the tool's HTTP route, which names the
/// scope.
pub(super) async fn call(
    request: &HttpRequest,
    gateway: &Data<Gateway>,
    admission: Admission,
    call: CallToolRequestParams,
) -> Result<Result<CallToolResult, ErrorData>, Problem> {
    let runtime = &gateway.runtime;
    let Some(row) = runtime.registry.tool(&call.name).cloned() else {
        return Ok(Err(ErrorData::invalid_params("No such tool", None)));
    };
    let may = admission.caller().may(row.requirement);
    let (effect, at_work, arguments) = (row.effect, gateway.clone(), call.arguments.unwrap_or_default());
    let work = async move { Ok(run(&at_work, admission, &row, arguments).await) };
    // A command that only reads may take long, so it is cancelled when its client disconnects. All others run to the
    // end.
    let ran = if effect == Effect::Read { work.await } else { detached(work).await };
    match ran.map_err(problem)? {
        Ok((answer, token)) => {
            let url = token.map(|token| claims::url(gateway, request, &token));
            Ok(Ok(result(answer, url.as_deref(), runtime.clock.now(), &runtime.services.mask)))
        }
        Err(reason) if !may => Err(problem(reason)),
        Err(error) => Ok(Ok(refused(&error))),
    }
}

/// Runs the command behind a tool. For a secret that the command issued, returns the token of a claim.
async fn run(
    gateway: &Gateway,
    admission: Admission,
    row: &CommandSpec,
    arguments: Arguments,
) -> ServiceResult<(AnyAnswer, Option<String>)> {
    let (registry, services) = (&gateway.runtime.registry, &gateway.runtime.services);
    let answer = registry.run(services, admission, row, arguments, None).await?;
    let token = match &answer.secret {
        Some(IssuedSecret { secret, tenant, of }) => Some(services.claim_links.offer(tenant, of, secret).await?),
        None => None,
    };
    Ok((answer, token))
}

/// Describes a command as a tool.
///
/// Every tool that does not only read is marked as destructive, so that clients ask their user also before a tool
/// grants a right or sends something. Whether a tool is idempotent follows from its HTTP method, at every door (RFC
/// 9110 §9.2.2).
fn tool(row: &CommandSpec) -> Tool {
    let mut schema = row.schema.as_object().cloned().unwrap_or_default();
    schema.insert("additionalProperties".to_owned(), false.into());
    let hints = ToolAnnotations::new()
        .read_only(row.effect == Effect::Read)
        .destructive(row.effect != Effect::Read)
        .idempotent(row.route.method != Method::Post)
        .open_world(false);
    let tool = Tool::new(row.tool, row.summary.clone(), schema).with_title(row.name).with_annotations(hints);
    tool.with_raw_output_schema(Arc::new(output(row)))
}

/// Returns the schema of a tool's structured result: the output of its command (a list with its items and the next
/// cursor), or the reason of a refusal, since clients validate refusals too.
fn output(row: &CommandSpec) -> Map<String, Value> {
    let output = if row.output.get("type").is_some_and(|kind| kind == "array") {
        json!({
            "type": "object",
            "properties": {
                "items": row.output,
                "next": {"description": "The cursor of the next page, if there is one.", "type": ["string", "null"]},
            },
            "required": ["items", "next"],
        })
    } else {
        row.output.clone().into()
    };
    let refused = json!({
        "type": "object",
        "properties": {"code": {"type": "string"}, "detail": {"type": "string"}},
        "required": ["code", "detail"],
    });
    Map::from_iter([("type".to_owned(), json!("object")), ("anyOf".to_owned(), json!([output, refused]))])
}

/// Returns the result of a command: as text, and as the JSON of its HTTP route; a list with its cursor.
///
/// A model reads the result, so secrets in stored data are masked, and an issued secret is only behind the link of its
/// claim.
fn result(answer: AnyAnswer, claim: Option<&str>, now: Timestamp, mask: &Mask) -> CallToolResult {
    let mut drawing = answer.render(now);
    let next = answer.next.map(|cursor| cursor.to_string());
    if let Some(cursor) = &next {
        drawing = drawing.with(Block::Fields(vec![("next".to_owned(), vec![Span::plain(cursor)])]));
    }
    let mut text = mask.text(&drawing.plain()).into_owned();
    let data = if answer.data.is_array() { json!({"items": answer.data, "next": next}) } else { answer.data };
    let mut data = masked(data, mask);
    if let Some(url) = claim {
        data["claim_url"] = url.into();
        data["claim_expires_in"] = ClaimLinks::LIFE.as_secs().into();
        text = format!("{text}\n\nIts secret is shown once, within five minutes, to whoever opens {url}");
    }
    let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
    result.structured_content = Some(data);
    result
}

/// Returns the data with its secrets masked.
fn masked(data: Value, mask: &Mask) -> Value {
    match mask.text(&data.to_string()) {
        Cow::Borrowed(_) => data,
        Cow::Owned(text) => serde_json::from_str(&text).unwrap_or_default(),
    }
}

/// Returns a refusal as a tool error: the model reads it, and can correct its call.
fn refused(error: &ServiceError) -> CallToolResult {
    let mut data = json!({"code": error.code().as_str(), "detail": detail(error)});
    let mut lines = vec![detail(error)];
    match error {
        ServiceError::Invalid(errors) => {
            data["errors"] = json!(errors);
            lines.extend(errors.iter().map(|error| format!("{} {}", error.field, error.detail)));
        }
        ServiceError::Undelivered(result) => data["result"] = result.clone(),
        _ => {}
    }
    let mut result = CallToolResult::error(vec![ContentBlock::text(lines.join("\n"))]);
    result.structured_content = Some(data);
    result
}
