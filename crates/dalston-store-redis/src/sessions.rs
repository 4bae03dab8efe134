//! Stands in until the engine has it.

use crate::RedisStore;
use async_trait::async_trait;
use dalston_model::{AuditEntry, NewSession, SessionId, TenantId, Worker, WorkerId, WorkerLoad};
use dalston_store::{OpenSession, SessionStore, StoreError, StoreResult};
use std::time::Duration;

#[async_trait]
impl SessionStore for RedisStore {
    async fn put_worker(&self, _: &Worker, _: Duration, _: &AuditEntry) -> StoreResult<bool> {
        Err(StoreError::unavailable("not built"))
    }

    async fn remove_worker(&self, _: &WorkerId, _: Option<&TenantId>, _: &AuditEntry) -> StoreResult<bool> {
        Err(StoreError::unavailable("not built"))
    }

    async fn workers(&self) -> StoreResult<Vec<WorkerLoad>> {
        Err(StoreError::unavailable("not built"))
    }

    async fn open_session(&self, _: &NewSession, _: bool, _: &[WorkerId], _: Duration) -> StoreResult<OpenSession> {
        Err(StoreError::unavailable("not built"))
    }

    async fn renew_sessions(&self, _: &[SessionId], _: Duration) -> StoreResult<Vec<SessionId>> {
        Err(StoreError::unavailable("not built"))
    }

    async fn close_session(&self, _: SessionId) -> StoreResult<bool> {
        Err(StoreError::unavailable("not built"))
    }

    async fn session_count(&self, _: &TenantId) -> StoreResult<u64> {
        Err(StoreError::unavailable("not built"))
    }
}
