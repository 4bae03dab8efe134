//! Liveness and readiness checks.

use crate::Gateway;
use actix_web::{HttpResponse, web::Data};
use serde_json::json;

/// Liveness: the process runs.
pub(crate) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "healthy"}))
}

/// Readiness: the store accepts writes over a new connection.
///
/// Responds with 503 while it does not, and as soon as the gateway drains. A gateway that is not ready is still alive.
pub(crate) async fn ready(gateway: Data<Gateway>) -> HttpResponse {
    if gateway.is_draining() {
        HttpResponse::ServiceUnavailable().json(json!({"status": "stopping", "checks": {}}))
    } else if gateway.runtime.services.status.ready().await {
        HttpResponse::Ok().json(json!({"status": "ready", "checks": {"store": "ok"}}))
    } else {
        HttpResponse::ServiceUnavailable()
            .insert_header((actix_web::http::header::RETRY_AFTER, "1"))
            .json(json!({"status": "unavailable", "checks": {"store": "down"}}))
    }
}
