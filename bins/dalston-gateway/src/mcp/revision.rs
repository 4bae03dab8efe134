//! The revisions of the protocol, and what a request must say of its own (MCP-08). In the older ones a client greets, and
//! names what was agreed on in a header; in those without a greeting each request says all of itself, in the body and in
//! headers for whoever routes it.

use super::message::McpRequest;
use actix_web::http::header::HeaderMap;
use base64::{Engine, prelude::BASE64_STANDARD};
use rmcp::{
    ErrorData,
    model::{ProtocolVersion, ServerResult},
};

/// The revisions that are spoken, from the oldest on. The first of them had batches; they are refused there too.
pub(super) const SPOKEN: &[ProtocolVersion] = &[
    ProtocolVersion::V_2025_03_26,
    ProtocolVersion::V_2025_06_18,
    ProtocolVersion::V_2025_11_25,
    ProtocolVersion::V_2026_07_28,
];

/// The newest of them in which a client greets.
const GREETING: ProtocolVersion = ProtocolVersion::V_2025_11_25;

const VERSION: &str = "mcp-protocol-version";
const METHOD: &str = "mcp-method";
const NAME: &str = "mcp-name";

/// The revision that is agreed on with a client that greets in this one.
pub(super) fn agreed(asked: ProtocolVersion) -> ProtocolVersion {
    if asked.has_initialize() && SPOKEN.contains(&asked) { asked } else { GREETING }
}

/// The revision that the headers name, if any: one that is spoken here.
pub(super) fn named(headers: &HeaderMap) -> Result<Option<ProtocolVersion>, ErrorData> {
    let mut named = None;
    for value in headers.get_all(VERSION) {
        let text = value.to_str().unwrap_or_default();
        let spoken = SPOKEN.iter().find(|version| version.as_str() == text);
        let Some(spoken) = spoken else { return Err(unsupported(text)) };
        named.get_or_insert(spoken.clone());
    }
    Ok(named)
}

/// The revision of a request, which its headers and its body agree on.
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
        // What is to be said in headers is agreed on by greeting.
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

/// The result as this revision has it: the older ones neither name its kind nor say how long it holds.
pub(super) fn shaped(version: &ProtocolVersion, mut result: ServerResult) -> ServerResult {
    if version.has_initialize() {
        result.strip_result_type_for_legacy_peer();
    } else {
        result.fill_missing_cache_hints();
    }
    result
}

/// Whether the header says once what the body says. A value that a header cannot carry comes as `=?base64?…?=`.
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
