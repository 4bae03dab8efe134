//! Error responses in OpenAI's shape, on its routes. This includes refusals of the gate, and unknown paths below its
//! base URL.

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse,
    body::MessageBody,
    http::{StatusCode, header},
};
use serde_json::{Value, json};

/// The message if an error response has no readable problem.
const UNKNOWN: &str = "Internal error";

/// Path prefixes of OpenAI's API.
const ROUTES: [&str; 2] = ["/openai/v1", "/v1/models"];

/// Marks a request to one of our routes that asks for a response in OpenAI's shape.
struct Spoken;

/// Marks the request: errors are sent in OpenAI's shape, whatever its route is.
pub(crate) fn speak(request: &HttpRequest) {
    request.extensions_mut().insert(Spoken);
}

/// Converts an error response into OpenAI's shape, if the request is one to its API.
pub(crate) fn shape(request: &HttpRequest, response: HttpResponse) -> HttpResponse {
    let is_below = |rest: &str| rest.is_empty() || rest.starts_with('/');
    let is_theirs = ROUTES.iter().any(|route| request.path().strip_prefix(route).is_some_and(is_below));
    if !is_theirs && !request.extensions().contains::<Spoken>() {
        return response;
    }
    let (head, body) = response.into_parts();
    let problem: Value =
        body.try_into_bytes().ok().and_then(|body| serde_json::from_slice(&body).ok()).unwrap_or_default();
    converted(&head, &problem)
}

/// Returns the error response in OpenAI's shape, with its headers.
fn converted(head: &HttpResponse<()>, problem: &Value) -> HttpResponse {
    let status = match head.status() {
        // OpenAI responds to invalid values and to malformed requests alike with 400.
        StatusCode::UNPROCESSABLE_ENTITY | StatusCode::UNSUPPORTED_MEDIA_TYPE => StatusCode::BAD_REQUEST,
        other => other,
    };
    let mut response = HttpResponse::build(status).json(json!({"error": error(status, problem)}));
    for (name, value) in head.headers() {
        if !matches!(*name, header::CONTENT_TYPE | header::CONTENT_LENGTH) {
            response.headers_mut().append(name.clone(), value.clone());
        }
    }
    response
}

fn error(status: StatusCode, problem: &Value) -> Value {
    let detail = problem["detail"].as_str().unwrap_or(UNKNOWN);
    let first = &problem["errors"][0];
    let message = match (first["field"].as_str(), first["detail"].as_str()) {
        (Some(field), Some(wrong)) => format!("{detail}: {field} {wrong}"),
        _ => detail.to_owned(),
    };
    let code = match problem["code"].as_str() {
        Some("missing_credential" | "invalid_credential") => "invalid_api_key",
        Some("rate_limited") => "rate_limit_exceeded",
        Some("not_found") if detail == super::models::UNKNOWN => "model_not_found",
        Some(code) => code,
        None => "internal",
    };
    let kind = match status.as_u16() {
        429 => "requests",
        500.. => "server_error",
        _ => "invalid_request_error",
    };
    json!({"message": message, "type": kind, "param": first["field"], "code": code})
}
