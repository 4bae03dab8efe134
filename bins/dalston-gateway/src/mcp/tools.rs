//! The tools: the commands of the registry, listed and called.

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

/// The tools of a caller: the commands that it may run.
pub(super) fn list(registry: &Registry, scopes: ScopeSet) -> ListToolsResult {
    ListToolsResult::with_all_items(registry.of(scopes).map(tool).collect())
}

/// Calls a tool. One that is not the caller's is refused as its HTTP route refuses it: the client learns the scope.
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
    let may = admission.caller().may(row.need);
    let (effect, at_work, arguments) = (row.effect, gateway.clone(), call.arguments.unwrap_or_default());
    let work = async move { Ok(run(&at_work, admission, &row, arguments).await) };
    // What only reads, and may wait for long, goes with its client.
    let ran = if effect == Effect::Read { work.await } else { detached(work).await };
    match ran.map_err(problem)? {
        Ok((answer, token)) => {
            let url = token.map(|token| claims::url(gateway, request, &token));
            Ok(Ok(result(answer, url.as_deref(), runtime.clock.now(), &runtime.services.mask)))
        }
        Err(refusal) if !may => Err(problem(refusal)),
        Err(error) => Ok(Ok(refused(&error))),
    }
}

/// Runs the command behind a tool. A secret that it made waits behind the token of a claim.
async fn run(
    gateway: &Gateway,
    admission: Admission,
    row: &CommandSpec,
    arguments: Arguments,
) -> ServiceResult<(AnyAnswer, Option<String>)> {
    let (registry, services) = (&gateway.runtime.registry, &gateway.runtime.services);
    let answer = registry.run(services, admission, row, arguments, None).await?;
    let token = match &answer.secret {
        Some(IssuedSecret { secret, tenant, of }) => Some(services.claims.offer(tenant, of, secret).await?),
        None => None,
    };
    Ok((answer, token))
}

/// A command as a tool. Whatever is not read is marked as destructive: a client asks its user before it gives a right or
/// sends something out, too. What a method of HTTP says of repeating it holds at every door (RFC 9110 §9.2.2).
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

/// The schema of what a tool answers beside the text: the output of its command, a list as its items and where it goes on,
/// or why the command was refused. Clients check what is refused by it, too.
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

/// What came of a command: drawn, and as the JSON of its HTTP route; a list with its cursor beside. A model reads it:
/// secrets in what somebody stored are masked, and one that was made is behind the link of its claim.
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

/// The data without its secrets.
fn masked(data: Value, mask: &Mask) -> Value {
    match mask.text(&data.to_string()) {
        Cow::Borrowed(_) => data,
        Cow::Owned(text) => serde_json::from_str(&text).unwrap_or_default(),
    }
}

/// Why a command did not do what it was asked: for the model, which can do better.
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
