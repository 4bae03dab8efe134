//! JSON-RPC 2.0 as MCP speaks it: one message in a body, told apart before anything runs (MCP-04, MCP-08).

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
};
use dalston_command::{Arguments, read_object};
use rmcp::model::{ErrorCode, ProtocolVersion};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

/// The revisions that are spoken. The first of them had batches; they are refused there too.
pub(super) const SPOKEN: &[ProtocolVersion] = &[
    ProtocolVersion::V_2025_03_26,
    ProtocolVersion::V_2025_06_18,
    ProtocolVersion::V_2025_11_25,
    ProtocolVersion::V_2026_07_28,
];

/// A message.
pub(super) enum Message {
    /// One that is answered.
    Request(Request),
    /// A notification or an answer: taken, and nothing runs.
    Told,
}

/// A message that is answered.
pub(super) struct Request {
    /// What it asks for.
    pub(super) method: String,
    /// With what.
    pub(super) params: Arguments,
}

/// What is wrong with a message.
#[derive(Debug)]
pub(super) struct Fault {
    status: StatusCode,
    body: Value,
}

impl Message {
    /// Reads the message of a body. Strict: no member is named twice.
    pub(super) fn read(body: &[u8]) -> Result<Self, Fault> {
        let mut message = read_object(body).map_err(|_| {
            let is_object = body.trim_ascii_start().starts_with(b"{");
            if !is_object && serde_json::from_slice::<IgnoredAny>(body).is_ok() {
                Fault::new(ErrorCode::INVALID_REQUEST, "Send one message: an object. Batches are not taken")
            } else {
                Fault::new(ErrorCode::PARSE_ERROR, "The body is not JSON, or names a member twice")
            }
        })?;
        let invalid = |detail| Fault::new(ErrorCode::INVALID_REQUEST, detail);
        let id = match message.remove("id") {
            Some(id) if id.is_string() || id.is_i64() => id,
            Some(_) if message.contains_key("method") => return Err(invalid("id is a string or an integer")),
            _ => Value::Null,
        };
        if message.get("jsonrpc") != Some(&json!("2.0")) {
            return Err(invalid("jsonrpc is \"2.0\"").about(id));
        }
        match (message.remove("method"), message.remove("params")) {
            (Some(Value::String(_)), _) if id.is_null() => Ok(Self::Told),
            (Some(Value::String(method)), None) => Ok(Self::Request(Request { method, params: Arguments::new() })),
            (Some(Value::String(method)), Some(Value::Object(params))) => Ok(Self::Request(Request { method, params })),
            (Some(Value::String(_)), Some(_)) => {
                Err(Fault::new(ErrorCode::INVALID_PARAMS, "params is an object").about(id))
            }
            (None, _) if message.contains_key("result") || message.contains_key("error") => Ok(Self::Told),
            _ => Err(invalid("method is a string").about(id)),
        }
    }
}

impl Fault {
    fn new(code: ErrorCode, detail: &'static str) -> Self {
        let status = if code == ErrorCode::INVALID_PARAMS { StatusCode::OK } else { StatusCode::BAD_REQUEST };
        // The id is null where the request's cannot be read (JSON-RPC 2.0 §5).
        Self { status, body: json!({"jsonrpc": "2.0", "id": null, "error": {"code": code, "message": detail}}) }
    }

    /// Of the request of this id.
    fn about(mut self, id: Value) -> Self {
        self.body["id"] = id;
        self
    }

    /// The answer.
    pub(super) fn respond(&self) -> HttpResponse {
        HttpResponse::build(self.status).json(&self.body)
    }
}

/// Whether the client takes JSON, which is all that it gets, and names a revision that is spoken here, if any.
pub(super) fn understood(request: &HttpRequest) -> Result<(), Fault> {
    let accepted: Vec<&str> = values(request, header::ACCEPT.as_str()).flat_map(|value| value.split(',')).collect();
    let takes_json = |range: &&str| {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        let refused = parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
        matches!(kind.as_str(), "application/json" | "application/*" | "*/*") && !refused
    };
    if !accepted.is_empty() && !accepted.iter().any(takes_json) {
        let fault = Fault::new(ErrorCode::INVALID_REQUEST, "Accept application/json and text/event-stream");
        return Err(Fault { status: StatusCode::NOT_ACCEPTABLE, ..fault });
    }
    match values(request, "mcp-protocol-version").find(|version| SPOKEN.iter().all(|it| it.as_str() != *version)) {
        Some(requested) => {
            let mut fault = Fault::new(ErrorCode::UNSUPPORTED_PROTOCOL_VERSION, "Unsupported protocol version");
            fault.body["error"]["data"] = json!({"supported": SPOKEN, "requested": requested});
            Err(fault)
        }
        None => Ok(()),
    }
}

/// The values of a header; one that is no text counts as empty.
fn values<'a>(request: &'a HttpRequest, name: &'a str) -> impl Iterator<Item = &'a str> {
    request.headers().get_all(name).map(|value| value.to_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The method and the number of its parameters, nothing, or the code and the id of the fault.
    fn read(text: &str) -> Value {
        match Message::read(text.as_bytes()) {
            Ok(Message::Request(request)) => json!([request.method, request.params.len()]),
            Ok(Message::Told) => Value::Null,
            Err(fault) => json!({"code": fault.body["error"]["code"], "id": fault.body["id"]}),
        }
    }

    #[test]
    fn a_request_has_an_id_and_whatever_has_none_is_told() {
        assert_eq!(read(r#"{"jsonrpc":"2.0","id":0,"method":"m"}"#), json!(["m", 0]));
        assert_eq!(read(r#"{"jsonrpc":"2.0","id":"","method":"m","params":{"a":1}}"#), json!(["m", 1]));
        assert_eq!(read(r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"whoami"}}"#), Value::Null);
        assert_eq!(read(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#), Value::Null);
        assert_eq!(read(r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"x"}}"#), Value::Null);
    }

    #[test]
    fn what_is_no_message_is_refused_with_its_code_and_id() {
        for (text, code, id) in [
            ("", -32700, json!(null)),
            ("{", -32700, json!(null)),
            (r#"{"jsonrpc":"2.0","id":1,"id":1,"method":"m"}"#, -32700, json!(null)),
            (r#"{"jsonrpc":"2.0","id":1,"method":"m"} x"#, -32700, json!(null)),
            ("[", -32700, json!(null)),
            (r#"[{"jsonrpc":"2.0","id":1,"method":"m"}]"#, -32600, json!(null)),
            (" []", -32600, json!(null)),
            ("1", -32600, json!(null)),
            ("{}", -32600, json!(null)),
            (r#"{"id":7,"method":"m"}"#, -32600, json!(7)),
            (r#"{"jsonrpc":2.0,"id":7,"method":"m"}"#, -32600, json!(7)),
            (r#"{"jsonrpc":"2.0","id":"x"}"#, -32600, json!("x")),
            (r#"{"jsonrpc":"2.0","id":7,"method":null}"#, -32600, json!(7)),
            (r#"{"jsonrpc":"2.0","id":null,"method":"m"}"#, -32600, json!(null)),
            (r#"{"jsonrpc":"2.0","id":1.5,"method":"m"}"#, -32600, json!(null)),
            (r#"{"jsonrpc":"2.0","id":[1],"method":"m"}"#, -32600, json!(null)),
            (r#"{"jsonrpc":"2.0","id":7,"method":"m","params":[1]}"#, -32602, json!(7)),
        ] {
            assert_eq!(read(text), json!({"code": code, "id": id}), "MCP-04 {text}");
        }
    }
}
