//! JSON-RPC 2.0 messages of MCP: one message in a body, classified before anything runs (MCP-04).

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, http::header};
use dalston_command::{Arguments, read_object};
use rmcp::{
    ErrorData,
    model::{JsonRpcResponse, JsonRpcVersion2_0, RequestId, RequestMetaObject, ServerResult},
};
use serde::{Serialize, de::DeserializeOwned, de::IgnoredAny};
use serde_json::{Value, json};

/// A message of the client.
pub(super) enum McpMessage {
    /// A request, which gets a response.
    Request(McpRequest),
    /// A notification or a response: accepted, and nothing runs.
    Told,
}

/// A request of the client.
pub(super) struct McpRequest {
    id: RequestId,
    /// The method.
    pub(super) method: String,
    /// The params without `_meta`.
    params: Arguments,
    /// The `_meta` of the params.
    pub(super) meta: RequestMetaObject,
}

/// An error response.
#[derive(Debug)]
pub(super) struct McpError {
    status: StatusCode,
    /// The id of the request, if it could be read.
    id: Option<RequestId>,
    error: Box<ErrorData>,
}

impl McpMessage {
    /// Reads the message in a body. Strict: a member that occurs twice is an error.
    pub(super) fn read(body: &[u8]) -> Result<Self, McpError> {
        let mut message = read_object(body).map_err(|_| {
            let is_object = body.trim_ascii_start().starts_with(b"{");
            McpError::of(
                None,
                if !is_object && serde_json::from_slice::<IgnoredAny>(body).is_ok() {
                    ErrorData::invalid_request("Send one message: an object. Batches are not taken", None)
                } else {
                    ErrorData::parse_error("The body is not JSON, or names a member twice", None)
                },
            )
        })?;
        let id = match message.remove("id") {
            Some(Value::String(id)) => Some(RequestId::String(id.into())),
            Some(Value::Number(id)) if id.is_i64() => id.as_i64().map(RequestId::Number),
            Some(_) if message.contains_key("method") => {
                return Err(McpError::of(None, ErrorData::invalid_request("id is a string or an integer", None)));
            }
            _ => None,
        };
        let invalid = |id, detail| Err(McpError::of(id, ErrorData::invalid_request(detail, None)));
        if message.get("jsonrpc") != Some(&json!("2.0")) {
            return invalid(id, "jsonrpc is \"2.0\"");
        }
        match (message.remove("method"), id) {
            (Some(Value::String(_)), None) => Ok(Self::Told),
            (Some(Value::String(method)), Some(id)) => {
                McpRequest::new(id, method, message.remove("params")).map(Self::Request)
            }
            (None, _) if message.contains_key("result") || message.contains_key("error") => Ok(Self::Told),
            (_, id) => invalid(id, "method is a string"),
        }
    }
}

impl McpRequest {
    fn new(id: RequestId, method: String, params: Option<Value>) -> Result<Self, McpError> {
        let invalid = |detail| McpError {
            status: StatusCode::OK,
            ..McpError::of(Some(id.clone()), ErrorData::invalid_params(detail, None))
        };
        let mut params = match params {
            None => Arguments::new(),
            Some(Value::Object(params)) => params,
            Some(_) => return Err(invalid("params is an object")),
        };
        let meta = match params.remove("_meta") {
            None => RequestMetaObject::default(),
            Some(Value::Object(meta)) => meta.into(),
            Some(_) => return Err(invalid("_meta is an object")),
        };
        Ok(Self { id, method, params, meta })
    }

    /// Takes the params, parsed as those of the method.
    pub(super) fn params<T: DeserializeOwned>(&mut self) -> Result<T, ErrorData> {
        let params = std::mem::take(&mut self.params);
        serde_json::from_value(params.into())
            .map_err(|_| ErrorData::invalid_params("The params are not those of this method", None))
    }

    /// Returns the text parameter of this name.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.params.get(name).and_then(Value::as_str)
    }

    /// Returns the response with a result.
    pub(super) fn respond(self, result: ServerResult) -> HttpResponse {
        HttpResponse::Ok().json(JsonRpcResponse { jsonrpc: JsonRpcVersion2_0, id: self.id, result })
    }

    /// Returns the response with an error.
    pub(super) fn fault(self, status: StatusCode, error: ErrorData) -> McpError {
        McpError { status, id: Some(self.id), error: error.into() }
    }
}

impl McpError {
    /// Returns the error for an invalid message: status 400.
    pub(super) fn of(id: Option<RequestId>, error: ErrorData) -> Self {
        Self { status: StatusCode::BAD_REQUEST, id, error: error.into() }
    }

    /// Returns the HTTP response.
    pub(super) fn respond(&self) -> HttpResponse {
        /// Unlike [`rmcp::model::JsonRpcError`], which omits an unreadable id: JSON-RPC 2.0 §5 requires null.
        #[derive(Serialize)]
        struct McpErrorAnswer<'a> {
            jsonrpc: JsonRpcVersion2_0,
            id: Option<&'a RequestId>,
            error: &'a ErrorData,
        }
        let failure = McpErrorAnswer { jsonrpc: JsonRpcVersion2_0, id: self.id.as_ref(), error: &self.error };
        HttpResponse::build(self.status).json(failure)
    }
}

/// Whether the client accepts JSON, the only type of response here.
pub(super) fn takes_json(request: &HttpRequest) -> Result<(), McpError> {
    let values = request.headers().get_all(header::ACCEPT).map(|value| value.to_str().unwrap_or_default());
    let accepted: Vec<&str> = values.flat_map(|value| value.split(',')).collect();
    let takes_json = |range: &&str| {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        let refused = parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
        matches!(kind.as_str(), "application/json" | "application/*" | "*/*") && !refused
    };
    if accepted.is_empty() || accepted.iter().any(takes_json) {
        return Ok(());
    }
    let error = ErrorData::invalid_request("Accept application/json and text/event-stream", None);
    Err(McpError { status: StatusCode::NOT_ACCEPTABLE, ..McpError::of(None, error) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the method and the number of its parameters, null for a message without a response, or the error's code
    /// and id.
    fn read(text: &str) -> Value {
        match McpMessage::read(text.as_bytes()) {
            Ok(McpMessage::Request(request)) => json!([request.method, request.params.len()]),
            Ok(McpMessage::Told) => Value::Null,
            Err(fault) => json!({"code": fault.error.code, "id": fault.id}),
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
            (r#"{"jsonrpc":"2.0","id":7,"method":"m","params":{"_meta":1}}"#, -32602, json!(7)),
            (r#"{"jsonrpc":"2.0","id":18446744073709551615,"method":"m"}"#, -32600, json!(null)),
        ] {
            assert_eq!(read(text), json!({"code": code, "id": id}), "MCP-04 {text}");
        }
    }
}
