//! The commands on workers of streams.

pub(crate) mod list;
pub(crate) mod register;
pub(crate) mod remove;

use dalston_model::{TenantId, Worker, WorkerId, WorkerLoad};
use dalston_service::{ServiceError, ServiceResult};
use serde_json::{Value, json};

/// The name that a text stands for. One that can be no name belongs to no worker.
fn worker_id(text: &str) -> ServiceResult<WorkerId> {
    text.parse().map_err(|_| ServiceError::NotFound("Worker"))
}

/// A worker, as clients see it.
fn view(load: &WorkerLoad) -> Value {
    let WorkerLoad { worker, sessions, lapses_at } = load;
    let Worker { id, tenant, url, models, languages, capacity } = worker;
    json!({
        "id": id.as_str(),
        "tenant_id": tenant.as_ref().map(TenantId::as_str),
        "url": url,
        "capacity": capacity,
        "models": models,
        "languages": languages,
        "sessions": sessions,
        "lapses_at": lapses_at,
    })
}
