//! The tools: the commands of the registry, listed and called.

use crate::{
    Gateway, claims,
    errand::errand,
    fault::{detail, problem},
};
use actix_web::{HttpRequest, web::Data};
use dalston_actix::Problem;
use dalston_auth::{Caller, Mask, Permit};
use dalston_command::{Answer, Arguments, Block, Effect, Method, Registry, Row, Span};
use dalston_model::{Target, TenantId, Timestamp};
use dalston_service::{Claims, Secret, ServiceError, ServiceResult};
use rmcp::{
    ErrorData,
    model::{CallToolRequestParams, CallToolResult, ContentBlock, ListToolsResult, Tool, ToolAnnotations},
};
use serde_json::{Value, json};
use std::borrow::Cow;

/// The tools of a caller: the commands that it may run.
pub(super) fn list(registry: &Registry, caller: &Caller) -> ListToolsResult {
    ListToolsResult::with_all_items(registry.of(caller).map(tool).collect())
}

/// Calls a tool. One that is not the caller's is refused as its HTTP route refuses it: the client learns the scope.
pub(super) async fn call(
    request: &HttpRequest,
    gateway: &Data<Gateway>,
    permit: Permit,
    call: CallToolRequestParams,
) -> Result<Result<CallToolResult, ErrorData>, Problem> {
    let runtime = &gateway.runtime;
    let Some(row) = runtime.registry.tool(&call.name) else {
        return Ok(Err(ErrorData::invalid_params("No such tool", None)));
    };
    let may = permit.caller().may(row.need);
    let (at_work, arguments) = (gateway.clone(), call.arguments.unwrap_or_default());
    let work = async move { Ok(run(&at_work, &permit, &call.name, arguments).await) };
    // What only reads, and may wait for long, goes with its client.
    let ran = if row.effect == Effect::Read { work.await.map_err(problem)? } else { errand(work).await? };
    match ran {
        Ok((answer, token)) => {
            let url = token.map(|token| claims::url(gateway, request, &token));
            Ok(Ok(result(row, answer, url.as_deref(), runtime.clock.now(), &runtime.services.mask)))
        }
        Err(refusal) if !may => Err(problem(refusal)),
        Err(error) => Ok(Ok(refused(&error))),
    }
}

/// Runs the command behind a tool. A secret that it made waits behind the token of a claim.
async fn run(
    gateway: &Gateway,
    permit: &Permit,
    tool: &str,
    arguments: Arguments,
) -> ServiceResult<(Answer, Option<String>)> {
    let (registry, services) = (&gateway.runtime.registry, &gateway.runtime.services);
    let row = registry.tool(tool).ok_or(ServiceError::NotFound("Tool"))?;
    let answer = registry.run(services, permit.caller(), row, arguments, None).await?;
    let token = match &answer.secret {
        Some(secret) => {
            let (tenant, of) = made(&answer.data, secret, permit.caller()).ok_or(ServiceError::Internal)?;
            Some(services.claims.offer(&tenant, &of, secret).await?)
        }
        None => None,
    };
    Ok((answer, token))
}

/// A command as a tool. Whatever is not read is marked as destructive: a client asks its user before it gives a right or
/// sends something out, too. What a method of HTTP says of repeating it holds at every door (RFC 9110 §9.2.2).
fn tool(row: &Row) -> Tool {
    let mut schema = row.schema.as_object().cloned().unwrap_or_default();
    schema.insert("additionalProperties".to_owned(), false.into());
    let hints = ToolAnnotations::new()
        .read_only(row.effect == Effect::Read)
        .destructive(row.effect != Effect::Read)
        .idempotent(row.route.method != Method::Post)
        .open_world(false);
    Tool::new(row.tool, row.summary.clone(), schema).with_title(row.name).with_annotations(hints)
}

/// What was made with the secret, and its tenant.
fn made(data: &Value, secret: &Secret, caller: &Caller) -> Option<(TenantId, Target)> {
    let id = data["id"].as_str().unwrap_or_default();
    let of = match secret {
        Secret::Key(_) => Target::Key(id.parse().ok()?),
        Secret::Webhook(_) => Target::Webhook(id.parse().ok()?),
        // A ticket is one of the caller's own key.
        Secret::Ticket(_) => return caller.holder().map(|key| (key.tenant.clone(), Target::Key(key.id))),
    };
    Some((data["tenant_id"].as_str()?.parse().ok()?, of))
}

/// What came of a command: drawn, and as the JSON of its HTTP route; a list with its cursor beside. A model reads it:
/// secrets in what somebody stored are masked, and one that was made is behind the link of its claim.
fn result(row: &Row, answer: Answer, claim: Option<&str>, now: Timestamp, mask: &Mask) -> CallToolResult {
    let mut drawing = row.draw(&answer.data, now);
    let next = answer.next.map(|cursor| cursor.to_string());
    if let Some(cursor) = &next {
        drawing = drawing.with(Block::Fields(vec![("next".to_owned(), vec![Span::plain(cursor)])]));
    }
    let mut text = mask.text(&drawing.plain()).into_owned();
    let data = if answer.data.is_array() { json!({"items": answer.data, "next": next}) } else { answer.data };
    let mut data = masked(data, mask);
    if let Some(url) = claim {
        data["claim_url"] = url.into();
        data["claim_expires_in"] = Claims::LIFE.as_secs().into();
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
