//! Sample workers and sessions, and their operations.

use super::{WorkHandle, work::MINUTE};
use crate::{NewSession, OpenSessionOutcome, SessionId, WorkAction, WorkTarget, Worker, WorkerId, WorkerLoad};
use dalston_model::{KeyId, OsEntropy, TenantId};

/// Returns a worker that serves all tenants.
pub(in crate::contract) fn worker(id: &str, capacity: u32) -> Worker {
    Worker {
        id: id.parse().unwrap(),
        tenant: None,
        url: format!("ws://{id}:9/"),
        models: Vec::new(),
        languages: Vec::new(),
        capacity,
    }
}

impl WorkHandle {
    /// Returns a session of `default` that is not open yet.
    pub(in crate::contract) fn new_session(&self, key: Option<KeyId>) -> NewSession {
        NewSession {
            id: SessionId::new(self.now(), &OsEntropy).unwrap(),
            tenant: TenantId::default(),
            key,
            model: "base".to_owned(),
            language: "auto".to_owned(),
            is_one_of_several: false,
        }
    }

    /// Registers the worker for one minute.
    pub(in crate::contract) async fn put(&self, worker: &Worker) -> bool {
        let tenant = worker.tenant.clone().unwrap_or_default();
        let entry = self.entry(WorkAction::WORKER_REGISTERED, &tenant, WorkTarget::Worker(worker.id.clone()).into());
        self.store.put_worker(worker, MINUTE, &entry).await.unwrap()
    }

    pub(in crate::contract) async fn remove(&self, id: &WorkerId, tenant: Option<&TenantId>) -> bool {
        let entry = self.entry(WorkAction::WORKER_REMOVED, &TenantId::default(), WorkTarget::Worker(id.clone()).into());
        self.store.remove_worker(id, tenant, &entry).await.unwrap()
    }

    pub(in crate::contract) async fn workers(&self) -> Vec<WorkerLoad> {
        self.store.workers().await.unwrap()
    }

    /// Opens the session for one minute; the node's built-in worker has no capacity.
    pub(in crate::contract) async fn open(&self, session: &NewSession) -> OpenSessionOutcome {
        self.store.open_session(session, false, &[], MINUTE).await.unwrap()
    }

    /// Opens another session of `default`. Returns its id and the name of its worker.
    pub(in crate::contract) async fn opened(&self) -> (SessionId, String) {
        let session = self.new_session(None);
        match self.open(&session).await {
            OpenSessionOutcome::Worker(worker) => (session.id, worker.id.to_string()),
            other => panic!("not with a worker: {other:?}"),
        }
    }

    pub(in crate::contract) async fn close(&self, id: SessionId) -> bool {
        self.store.close_session(id).await.unwrap()
    }

    pub(in crate::contract) async fn sessions(&self) -> u64 {
        self.store.session_count(&TenantId::default()).await.unwrap()
    }
}
