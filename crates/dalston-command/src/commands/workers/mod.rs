//! The commands on workers of streams.

pub(crate) mod list;
pub(crate) mod register;
pub(crate) mod remove;

use dalston_auth::{Permit, rights};
use dalston_model::{Scope, TenantId, Worker, WorkerId, WorkerLoad};
use dalston_service::{ServiceError, ServiceResult};
use serde_json::{Value, json};

/// The name that a text stands for. One that can be no name belongs to no worker.
fn worker_id(text: &str) -> ServiceResult<WorkerId> {
    text.parse().map_err(|_| ServiceError::NotFound("Worker"))
}

/// A worker, as the caller sees it. Where one that serves all tenants is concerns the platform only: its URL may hold
/// what it knows the gateway by.
fn view(load: &WorkerLoad, permit: &Permit<rights::Worker>) -> Value {
    let WorkerLoad { worker, sessions, lapses_at } = load;
    let Worker { id, tenant, url, models, languages, capacity } = worker;
    json!({
        "id": id.as_str(),
        "tenant_id": tenant.as_ref().map(TenantId::as_str),
        "url": (tenant.is_some() || permit.scopes().grants(Scope::Platform)).then_some(url),
        "capacity": capacity,
        "models": models,
        "languages": languages,
        "sessions": sessions,
        "lapses_at": lapses_at,
    })
}
