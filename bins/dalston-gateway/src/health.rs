//! Whether the process lives, and whether it can work.

use crate::Gateway;
use actix_web::{HttpResponse, web::Data};
use serde_json::json;

/// The process lives.
pub(crate) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "healthy"}))
}

/// A new connection leads to a store that takes writes. Not ready is not dead: 503 until it does, and once the gateway
/// is to stop.
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
