//! The revisions of the protocol, and what each requires of a request (MCP-08).
//!
//! In the older revisions, a client starts with `initialize` and then names the negotiated revision in a header. In
//! those without `initialize`, each request carries all of its context, in the body, and in headers for proxies that
//! route it.

use super::message::McpRequest;
use actix_web::http::header::HeaderMap;
use base64::{Engine, prelude::BASE64_STANDARD};
use rmcp::{
    ErrorData,
    model::{ProtocolVersion, ServerResult},
};

/// The supported revisions, oldest first. The first of them defined batches, which are refused there too.
pub(super) const SPOKEN: &[ProtocolVersion] = &[
    ProtocolVersion::V_2025_03_26,
    ProtocolVersion::V_2025_06_18,
    ProtocolVersion::V_2025_11_25,
    ProtocolVersion::V_2026_07_28,
];

/// The newest supported revision with `initialize`.
const GREETING: ProtocolVersion = ProtocolVersion::V_2025_11_25;

const VERSION: &str = "mcp-protocol-version";
const METHOD: &str = "mcp-method";
const NAME: &str = "mcp-name";

/// Returns the revision to negotiate with a client that requests this one in `initialize`.
pub(super) fn agreed(asked: ProtocolVersion) -> ProtocolVersion {
    if asked.has_initialize() && SPOKEN.contains(&asked) { asked } else { GREETING }
}

/// Returns the revision that the headers name, if any. An unsupported one is an error.
pub(super) fn named(headers: &HeaderMap) -> Result<Option<ProtocolVersion>, ErrorData> {
    let mut named = None;
    for value in headers.get_all(VERSION) {
        let text = value.to_str().unwrap_or_default();
        let spoken = SPOKEN.iter().find(|version| version.as_str() == text);
        let Some(spoken) = spoken else { return Err(unsupported(text)) };
        if named.replace(spoken).is_some_and(|before| before != spoken) {
            return Err(mismatch("the header MCP-Protocol-Version names two protocol versions"));
        }
    }
    Ok(named.cloned())
}

/// Returns the revision of a request. Its headers and its body must agree.
pub(super) fn of(
    request: &McpRequest,
    headers: &HeaderMap,
    named: Option<ProtocolVersion>,
) -> Result<ProtocolVersion, ErrorData> {
    let is_routed = named.as_ref().is_some_and(|version| *version >= ProtocolVersion::STANDARD_HEADERS);
    if request.method == "initialize" {
        if named.is_some_and(|version| request.text("protocolVersion").is_some_and(|asked| asked != version.as_str())) {
            return Err(ErrorData::invalid_request(
                "The header MCP-Protocol-Version and protocolVersion must agree",
                None,
            ));
        }
        // The revision is still being negotiated, so `Mcp-Method` is not required; if it is present, it must agree.
        if is_routed && headers.contains_key(METHOD) {
            agree(headers, METHOD, &request.method)?;
        }
        return Ok(GREETING);
    }
    if is_routed {
        agree(headers, METHOD, &request.method)?;
        if let Some(name) = request.text("name").filter(|_| request.method == "tools/call") {
            agree(headers, NAME, name)?;
        }
    }
    let says_all =
        named.as_ref().is_some_and(|version| !version.has_initialize()) || request.method == "server/discover";
    match (named, request.meta.protocol_version()) {
        (None, Some(_)) => Err(mismatch("_meta names a protocol version, the header MCP-Protocol-Version does not")),
        (Some(header), Some(meta)) if header != meta => {
            Err(mismatch("_meta and the header MCP-Protocol-Version name two protocol versions"))
        }
        (named, _) => {
            let missing = request.meta.missing_required_keys(&ProtocolVersion::NO_INITIALIZE);
            if says_all && !missing.is_empty() {
                let detail = format!("_meta is missing or has malformed required fields: {}", missing.join(", "));
                return Err(ErrorData::invalid_params(detail, None));
            }
            Ok(named.unwrap_or(ProtocolVersion::V_2025_03_26))
        }
    }
}

/// Adapts a result to the revision: the older ones have neither a result type nor cache hints.
pub(super) fn shaped(version: &ProtocolVersion, mut result: ServerResult) -> ServerResult {
    if version.has_initialize() {
        result.strip_result_type_for_legacy_peer();
    } else {
        result.fill_missing_cache_hints();
    }
    result
}

/// Checks that the header occurs once and equals the value in the body. A value that a header cannot carry is encoded
/// as `=?base64?…?=`.
fn agree(headers: &HeaderMap, name: &'static str, body: &str) -> Result<(), ErrorData> {
    let mut values = headers.get_all(name).map(|value| value.to_str().unwrap_or_default());
    let (value, again) = (values.next(), values.next());
    let wrapped = value.and_then(|value| value.strip_prefix("=?base64?")?.strip_suffix("?="));
    let is_same = match wrapped {
        Some(wrapped) => BASE64_STANDARD.decode(wrapped).is_ok_and(|bytes| bytes == body.as_bytes()),
        None => value == Some(body),
    };
    if is_same && again.is_none() {
        Ok(())
    } else {
        Err(mismatch(&format!("the header {name} and the body must agree")))
    }
}

fn mismatch(detail: &str) -> ErrorData {
    ErrorData::header_mismatch(detail.to_owned(), None)
}

fn unsupported(version: &str) -> ErrorData {
    let version = serde_json::from_value(version.into()).unwrap_or_default();
    ErrorData::unsupported_protocol_version(version, SPOKEN)
}
