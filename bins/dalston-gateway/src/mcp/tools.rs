//! The tools: the commands of the registry, as the SDK asks for them.

use super::message::SPOKEN;
use crate::fault::detail;
use dalston_auth::{Caller, Mask, Permit, rights};
use dalston_command::{Answer, Arguments, Block, Effect, Method, Row, Span};
use dalston_model::{Target, TenantId, Timestamp};
use dalston_runtime::Runtime;
use dalston_service::{Secret, ServiceError, ServiceResult};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, CustomRequest, CustomResult, ErrorCode,
        Implementation, ListToolsResult, PaginatedRequestParams, ProtocolVersion, ServerCapabilities, ServerConfig,
        Tool, ToolAnnotations,
    },
    service::RequestContext,
};
use serde_json::{Value, json};
use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

/// Methods whose parameters the SDK reads; where it could not, they come as a custom request.
const KNOWN: &[&str] = &["initialize", "ping", "server/discover", "tools/call", "tools/list"];

/// Who asks, carried past the SDK in the extensions of the request; and what it must not see, carried back.
#[derive(Clone)]
pub(super) struct Asker {
    /// The proof that the caller was let in.
    pub(super) permit: Permit<rights::Authenticated>,
    /// The token of a claim that was made: the SDK writes what it answers to the log.
    pub(super) claim: Arc<OnceLock<String>>,
}

/// The handler of the SDK.
#[derive(Clone)]
pub(super) struct Tools {
    runtime: Arc<Runtime>,
}

impl Tools {
    /// The tools of a running gateway.
    pub(super) const fn new(runtime: Arc<Runtime>) -> Self {
        Self { runtime }
    }

    async fn call(&self, asker: &Asker, row: &Row, arguments: Arguments) -> ServiceResult<CallToolResult> {
        let (runtime, caller) = (&self.runtime, asker.permit.caller());
        let answer = runtime.registry.invoke(&runtime.services, caller, row.name, arguments, None).await?;
        if let Some(secret) = &answer.secret {
            let (tenant, of) = made(&answer.data, secret, caller).ok_or(ServiceError::Internal)?;
            let token = runtime.services.claims.offer(&tenant, &of, secret).await?;
            asker.claim.set(token).map_err(|_| ServiceError::Internal)?;
        }
        Ok(result(row, answer, runtime.clock.now(), &runtime.services.mask))
    }
}

impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        let server = Implementation::new("dalston", env!("CARGO_PKG_VERSION")).with_title("Dalston");
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build()).with_server_info(server).with_instructions(
            "API keys and transcription jobs of a Dalston gateway. The tools are what your API key may do. Secrets are \
             never in an answer: give your user the claim_url, which shows a new secret once.",
        )
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(SPOKEN)
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        if request.is_some_and(|request| request.cursor.is_some()) {
            return Err(ErrorData::invalid_params("The cursor is none of this list", None));
        }
        let asker = asker(&context)?;
        Ok(ListToolsResult::with_all_items(self.runtime.registry.of(asker.permit.scopes()).map(tool).collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let asker = asker(&context)?;
        let unknown = || ErrorData::invalid_params("No such tool", None);
        let row = self.runtime.registry.tool(&request.name).ok_or_else(unknown)?;
        let called = self.call(asker, row, request.arguments.unwrap_or_default()).await;
        Ok(called.unwrap_or_else(|error| refused(&error)).into())
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        Err(if KNOWN.contains(&request.method.as_str()) {
            ErrorData::invalid_params("The params are not those of this method", None)
        } else {
            ErrorData::new(ErrorCode::METHOD_NOT_FOUND, "No such method", None)
        })
    }
}

/// Who asks. A request without is a fault of ours, never an open door.
fn asker(context: &RequestContext<RoleServer>) -> Result<&Asker, ErrorData> {
    let parts = context.extensions.get::<http::request::Parts>();
    parts.and_then(|parts| parts.extensions.get()).ok_or_else(|| ErrorData::internal_error("Internal error", None))
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
/// secrets in what somebody stored are masked.
fn result(row: &Row, answer: Answer, now: Timestamp, mask: &Mask) -> CallToolResult {
    let mut drawing = row.draw(&answer.data, now);
    let next = answer.next.map(|cursor| cursor.to_string());
    if let Some(cursor) = &next {
        drawing = drawing.with(Block::Fields(vec![("next".to_owned(), vec![Span::plain(cursor)])]));
    }
    let data = if answer.data.is_array() { json!({"items": answer.data, "next": next}) } else { answer.data };
    let mut result = CallToolResult::success(vec![ContentBlock::text(mask.text(&drawing.plain()))]);
    result.structured_content = Some(masked(data, mask));
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
