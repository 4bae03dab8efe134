//! What a use case refuses, as HTTP tells it.

use actix_web::http::header;
use dalston_actix::Problem;
use dalston_auth::Denied;
use dalston_service::ServiceError;
use serde_json::json;

/// The problem of a service error.
pub(crate) fn problem(error: ServiceError) -> Problem {
    let code = error.code();
    match error {
        ServiceError::Refused(refusal) => Denied::from(refusal).into(),
        ServiceError::Malformed(detail) => Problem::malformed(detail),
        ServiceError::Invalid(errors) => Problem::new(code, "The request is not acceptable").with_errors(json!(errors)),
        ServiceError::Undelivered(ref result) => Problem::new(code, error.to_string()).with_result(result.clone()),
        other => Problem::new(code, other.to_string()),
    }
}

/// A WebSocket route without an upgrade.
pub(crate) fn upgrade_required() -> Problem {
    Problem::new(dalston_model::ErrorCode::UpgradeRequired, "This route is a WebSocket")
        .with_header(header::UPGRADE, "websocket")
        .with_header(header::SEC_WEBSOCKET_VERSION, "13")
}
