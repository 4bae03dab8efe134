//! Stream workers: register, renew, list, remove.

use crate::{
    ServiceError, ServiceResult,
    streams::{FIXED, TTL},
};
use dalston_auth::{Permit, Requirement, rights};
use dalston_model::{Scope, SharedClock};
use dalston_work::{SharedWorkStorage, WorkAction, WorkTarget, Worker, WorkerId, WorkerLoad};
use serde_json::json;

const NOUN: &str = "Worker";
/// Maximum number of workers of a tenant. The start of each stream checks all of them.
const MOST: usize = 100;

/// The registration of a worker. A renewal repeats all fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerRegistration {
    /// The worker's name.
    pub id: WorkerId,
    /// The worker's URL: `ws://` or `wss://`.
    pub url: String,
    /// Maximum number of concurrent sessions.
    pub capacity: u32,
    /// The worker's models; an empty list accepts any.
    pub models: Vec<String>,
    /// The worker's languages; an empty list accepts any.
    pub languages: Vec<String>,
    /// Whether the worker serves every tenant. Requires the scope `platform`.
    pub shared: bool,
}

/// The use cases for workers.
pub struct Workers {
    store: SharedWorkStorage,
    clock: SharedClock,
}

impl Workers {
    pub(crate) const fn new(store: SharedWorkStorage, clock: SharedClock) -> Self {
        Self { store, clock }
    }

    /// Registers a worker for 30 seconds, or renews its registration. Returns the worker with its load.
    pub async fn register(
        &self,
        permit: &Permit<rights::Worker>,
        ask: WorkerRegistration,
    ) -> ServiceResult<WorkerLoad> {
        let WorkerRegistration { id, url, capacity, models, languages, shared } = ask;
        if shared {
            permit.caller().authorize(Requirement::Scope(Scope::Platform))?;
        }
        if id.as_str().starts_with(FIXED) {
            return Err(ServiceError::invalid(
                "worker_id",
                "must not begin as the names of workers of the settings do",
            ));
        }
        let tenant = (!shared).then(|| permit.tenant().clone());
        let own = self.store.workers().await?;
        let own = own.iter().filter(|load| load.worker.tenant == tenant);
        if own.clone().count() >= MOST && own.into_iter().all(|load| load.worker.id != id) {
            return Err(ServiceError::Conflict("The tenant has 100 workers already".into()));
        }
        let worker = Worker { id: id.clone(), tenant, url, models, languages, capacity };
        let detail = json!({"capacity": capacity, "shared": shared});
        let entry = permit.entry(
            self.clock.now(),
            WorkAction::WORKER_REGISTERED,
            WorkTarget::Worker(id.clone()).into(),
            detail,
        );
        if !self.store.put_worker(&worker, TTL, &entry).await? {
            return Err(ServiceError::Conflict("A worker of this name serves others".into()));
        }
        let workers = self.store.workers().await?;
        // The worker may have been removed concurrently.
        workers.into_iter().find(|load| load.worker.id == id).ok_or(ServiceError::NotFound(NOUN))
    }

    /// Lists the workers that serve the caller's tenant, by name.
    pub async fn list(&self, permit: &Permit<rights::Worker>) -> ServiceResult<Vec<WorkerLoad>> {
        let serves = |load: &WorkerLoad| load.worker.tenant.as_ref().is_none_or(|tenant| tenant == permit.tenant());
        Ok(self.store.workers().await?.into_iter().filter(serves).collect())
    }

    /// Removes a worker; its sessions continue. Removing one that serves every tenant requires the scope `platform`.
    pub async fn remove(&self, permit: &Permit<rights::Worker>, id: WorkerId) -> ServiceResult<()> {
        let is_platform = permit.caller().may(Requirement::Scope(Scope::Platform));
        let tenant = (!is_platform).then(|| permit.tenant());
        let entry = permit.entry(
            self.clock.now(),
            WorkAction::WORKER_REMOVED,
            WorkTarget::Worker(id.clone()).into(),
            json!({}),
        );
        let removed = self.store.remove_worker(&id, tenant, &entry).await?;
        if removed { Ok(()) } else { Err(ServiceError::NotFound(NOUN)) }
    }
}
