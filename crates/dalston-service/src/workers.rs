//! Workers of streams: they register, are heard from, are taken away.

use crate::{
    ServiceError, ServiceResult,
    streams::{FIXED, TTL},
};
use dalston_auth::{Permit, Requirement, rights};
use dalston_model::{Scope, SharedClock};
use dalston_work::{SharedWorkStorage, WorkAction, WorkTarget, Worker, WorkerId, WorkerLoad};
use serde_json::json;

const NOUN: &str = "Worker";
/// A tenant has so many at once: each is looked at whenever a stream begins.
const MOST: usize = 100;

/// What a worker says of itself, each time all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerRegistration {
    /// Its name.
    pub id: WorkerId,
    /// Where it is: `ws://` or `wss://`.
    pub url: String,
    /// Sessions at once.
    pub capacity: u32,
    /// Models that it has; none named: any.
    pub models: Vec<String>,
    /// Languages that it knows; none named: any.
    pub languages: Vec<String>,
    /// Whether it serves every tenant: for `platform` only.
    pub shared: bool,
}

/// The use cases on workers.
pub struct Workers {
    store: SharedWorkStorage,
    clock: SharedClock,
}

impl Workers {
    pub(crate) const fn new(store: SharedWorkStorage, clock: SharedClock) -> Self {
        Self { store, clock }
    }

    /// Registers a worker for half a minute, or hears that it lives. Gives it with its load.
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
        // It may have been taken away just now.
        workers.into_iter().find(|load| load.worker.id == id).ok_or(ServiceError::NotFound(NOUN))
    }

    /// The workers that serve the caller's tenant, by name.
    pub async fn list(&self, permit: &Permit<rights::Worker>) -> ServiceResult<Vec<WorkerLoad>> {
        let serves = |load: &WorkerLoad| load.worker.tenant.as_ref().is_none_or(|tenant| tenant == permit.tenant());
        Ok(self.store.workers().await?.into_iter().filter(serves).collect())
    }

    /// Takes a worker away; its sessions go on. One that serves every tenant: for `platform` only.
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
