//! Errors of the services as HTTP problems.

use actix_web::http::header;
use dalston_actix::Problem;
use dalston_auth::Rejection;
use dalston_model::ErrorCode;
use dalston_service::ServiceError;
use serde_json::json;

/// Returns the problem for a service error.
pub(crate) fn problem(error: ServiceError) -> Problem {
    let (code, detail) = (error.code(), detail(&error));
    match error {
        ServiceError::Refused(reason) => Rejection::from(reason).into(),
        ServiceError::Malformed(detail) => Problem::malformed(detail),
        ServiceError::Invalid(errors) => Problem::new(code, detail).with_errors(json!(errors)),
        ServiceError::Excess { retry_after, .. } => {
            Problem::new(code, detail).with_header(&header::RETRY_AFTER, retry_after.to_string())
        }
        ServiceError::Undelivered(result) => Problem::new(code, detail).with_result(result),
        _ => Problem::new(code, detail),
    }
}

/// Returns the detail that the client receives for a service error.
pub(crate) fn detail(error: &ServiceError) -> String {
    match error {
        ServiceError::Invalid(_) => "The request is not acceptable".to_owned(),
        other => other.to_string(),
    }
}

/// The refusal when all slots for clients that wait for a job are taken.
pub(crate) fn crowded() -> Problem {
    Problem::new(ErrorCode::Unavailable, "Too many clients wait for jobs on this node")
}

/// The refusal of a request without an upgrade on a WebSocket route.
pub(crate) fn upgrade_required() -> Problem {
    Problem::new(ErrorCode::UpgradeRequired, "This route is a WebSocket")
        .with_header(&header::UPGRADE, "websocket")
        .with_header(&header::SEC_WEBSOCKET_VERSION, "13")
}

/// The refusal of an invalid upgrade (RFC 6455 §4.2.1, §4.4).
pub(crate) fn not_an_upgrade(detail: &'static str) -> Problem {
    Problem::malformed(detail).with_header(&header::SEC_WEBSOCKET_VERSION, "13")
}
