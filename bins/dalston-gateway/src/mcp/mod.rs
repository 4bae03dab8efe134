//! MCP: streamable HTTP without sessions. The types of the protocol are those of the official SDK.

mod message;
mod revision;
mod tools;

use crate::{Gateway, body};
use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Payload},
};
use dalston_actix::{Problem, RequireAdmission};
use dalston_auth::Admission;
use dalston_model::ErrorCode;
use message::{McpError, McpMessage, McpRequest, takes_json};
use rmcp::{
    ErrorData,
    model::{
        self, DiscoverRequestParams, DiscoverResult, Implementation, InitializeRequestParams, PaginatedRequestParams,
        ProtocolVersion, ServerCapabilities, ServerConfig, ServerResult, ToolsCapability,
    },
};

/// Maximum number of bytes in a message.
const MESSAGE_BYTES: usize = 1024 * 1024;

/// Handles a message.
pub(crate) async fn answer(
    request: HttpRequest,
    payload: Payload,
    RequireAdmission(admission): RequireAdmission,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    if !gateway.origins.allow(&request) {
        return Err(Problem::new(ErrorCode::OriginNotAllowed, "This origin may not speak MCP"));
    }
    let place = || gateway.large_bodies.take(admission.caller().tenant());
    let (body, _place) = body::large_json(&request, payload, gateway.pace, MESSAGE_BYTES, place).await?;
    let (mut asked, version) = match read(&request, &body) {
        Ok(Some(asked)) => asked,
        Ok(None) => return Ok(HttpResponse::Accepted().finish()),
        Err(fault) => return Ok(fault.respond()),
    };
    Ok(match dispatch(&request, &gateway, admission, &mut asked, &version).await? {
        Ok(result) => asked.respond(revision::shaped(&version, result)),
        Err(error) => {
            let is_routed = !version.has_initialize();
            let not_found = is_routed && error.code == model::ErrorCode::METHOD_NOT_FOUND;
            asked.fault(if not_found { StatusCode::NOT_FOUND } else { StatusCode::OK }, error).respond()
        }
    })
}

/// Reads the request and its protocol revision. Returns `None` for a message that gets no response.
fn read(request: &HttpRequest, body: &[u8]) -> Result<Option<(McpRequest, ProtocolVersion)>, McpError> {
    takes_json(request)?;
    let named = revision::named(request.headers()).map_err(|error| McpError::of(None, error))?;
    let McpMessage::Request(asked) = McpMessage::read(body)? else { return Ok(None) };
    match revision::of(&asked, request.headers(), named) {
        Ok(version) => Ok(Some((asked, version))),
        Err(error) => Err(asked.fault(StatusCode::BAD_REQUEST, error)),
    }
}

/// Runs a method. A caller without the right to call a tool gets the same problem as on the tool's HTTP route.
async fn dispatch(
    request: &HttpRequest,
    gateway: &Data<Gateway>,
    admission: Admission,
    asked: &mut McpRequest,
    version: &ProtocolVersion,
) -> Result<Result<ServerResult, ErrorData>, Problem> {
    Ok(match asked.method.as_str() {
        "initialize" => asked.params().map(|asked: InitializeRequestParams| {
            let version = revision::agreed(asked.protocol_version);
            ServerResult::InitializeResult(server().with_protocol_version(version))
        }),
        "ping" if version.has_initialize() => Ok(ServerResult::empty(())),
        "server/discover" => asked.params().map(|DiscoverRequestParams {}| {
            ServerResult::DiscoverResult(DiscoverResult::from_server_info(revision::SPOKEN.to_vec(), server()))
        }),
        "tools/list" => asked.params().and_then(|PaginatedRequestParams { cursor, .. }| match cursor {
            None => {
                Ok(ServerResult::ListToolsResult(tools::list(&gateway.runtime.registry, admission.caller().scopes())))
            }
            Some(_) => Err(ErrorData::invalid_params("The cursor does not belong to this list", None)),
        }),
        "tools/call" => match asked.params() {
            Ok(call) => tools::call(request, gateway, admission, call).await?.map(ServerResult::CallToolResult),
            Err(error) => Err(error),
        },
        _ => Err(ErrorData::new(model::ErrorCode::METHOD_NOT_FOUND, "No such method", None)),
    })
}

/// Returns the description of this server.
fn server() -> ServerConfig {
    let server = Implementation::new("dalston", env!("CARGO_PKG_VERSION")).with_title("Dalston");
    let mut capabilities = ServerCapabilities::default();
    capabilities.tools = Some(ToolsCapability::default());
    ServerConfig::new(capabilities).with_server_info(server).with_instructions(
        "API keys and transcription jobs of a Dalston gateway. The tools are what your API key may do. Secrets are \
         never in an answer: give your user the claim_url, which shows a new secret once.",
    )
}
