//! Worker and session operations of the in-memory engine.

use super::{MemoryWorkStore, RegisteredWorker, SessionRow, WorkTransaction};
use crate::{
    NewSession, OpenSessionOutcome, QuotaKind, QuotaOwner, SessionId, SessionStore, Slots, Worker, WorkerId, WorkerLoad,
};
use async_trait::async_trait;
use dalston_model::{AuditEntry, TenantId, Timestamp};
use dalston_store::StoreResult;
use std::time::Duration;

impl WorkTransaction<'_> {
    fn forget_lapsed(&mut self, now: Timestamp) {
        self.work.workers.retain(|_, it| now < it.lapses_at);
        self.work.sessions.retain(|_, it| now < it.lapses_at);
    }

    fn load(&self, worker: &WorkerId) -> u32 {
        self.load_of(worker, |_| true)
    }

    fn load_of(&self, worker: &WorkerId, whose: impl Fn(&TenantId) -> bool) -> u32 {
        let counts = |it: &&SessionRow| it.worker.as_ref() == Some(worker) && whose(&it.tenant);
        u32::try_from(self.work.sessions.values().filter(counts).count()).unwrap_or(u32::MAX)
    }

    fn choose(&self, session: &NewSession, except: &[WorkerId]) -> Option<Worker> {
        let slots = self.work.workers.values().map(|it| Slots {
            worker: it.worker.clone(),
            taken: self.load(&it.worker.id),
            of_tenant: self.load_of(&it.worker.id, |tenant| *tenant == session.tenant),
        });
        Slots::choose(slots, session, except)
    }
}

#[async_trait]
impl SessionStore for MemoryWorkStore {
    async fn put_worker(&self, worker: &Worker, ttl: Duration, entry: &AuditEntry) -> StoreResult<bool> {
        let now = self.time();
        let mut state = WorkTransaction::of(self);
        state.forget_lapsed(now);
        let before = state.work.workers.get(&worker.id).map(|it| it.worker.clone());
        if before.as_ref().is_some_and(|before| before.tenant != worker.tenant) {
            return Ok(false);
        }
        state
            .work
            .workers
            .insert(worker.id.clone(), RegisteredWorker { worker: worker.clone(), lapses_at: now.plus(ttl) });
        if before.as_ref() != Some(worker) {
            state.record(entry);
        }
        Ok(true)
    }

    async fn remove_worker(&self, id: &WorkerId, tenant: Option<&TenantId>, entry: &AuditEntry) -> StoreResult<bool> {
        let now = self.time();
        let mut state = WorkTransaction::of(self);
        state.forget_lapsed(now);
        let own = |it: &RegisteredWorker| tenant.is_none() || it.worker.tenant.as_ref() == tenant;
        if !state.work.workers.get(id).is_some_and(own) {
            return Ok(false);
        }
        state.work.workers.remove(id);
        state.record(entry);
        Ok(true)
    }

    async fn workers(&self) -> StoreResult<Vec<WorkerLoad>> {
        let now = self.time();
        let mut state = WorkTransaction::of(self);
        state.forget_lapsed(now);
        let load = |it: &RegisteredWorker| WorkerLoad {
            worker: it.worker.clone(),
            sessions: state.load(&it.worker.id),
            lapses_at: it.lapses_at,
        };
        Ok(state.work.workers.values().map(load).collect())
    }

    async fn open_session(
        &self,
        session: &NewSession,
        own: bool,
        except: &[WorkerId],
        ttl: Duration,
    ) -> StoreResult<OpenSessionOutcome> {
        let now = self.time();
        let mut state = WorkTransaction::of(self);
        state.forget_lapsed(now);
        let count = |subject: &QuotaOwner| {
            let of = |it: &&SessionRow| {
                it.tenant == *subject.tenant() && subject.key().is_none_or(|key| it.key == Some(key))
            };
            state.work.sessions.values().filter(of).count()
        };
        if let Some(excess) = state.exceeded_concurrency(&session.tenant, session.key, QuotaKind::Streams, count) {
            return Ok(OpenSessionOutcome::Excess(excess));
        }
        let worker = state.choose(session, except);
        if worker.is_none() && !own {
            return Ok(OpenSessionOutcome::NoCapacity);
        }
        let row = SessionRow {
            tenant: session.tenant.clone(),
            key: session.key,
            worker: worker.as_ref().map(|worker| worker.id.clone()),
            lapses_at: now.plus(ttl),
        };
        state.work.sessions.insert(session.id, row);
        Ok(worker.map_or(OpenSessionOutcome::Own, OpenSessionOutcome::Worker))
    }

    async fn renew_sessions(&self, sessions: &[SessionId], ttl: Duration) -> StoreResult<Vec<SessionId>> {
        let now = self.time();
        let mut state = WorkTransaction::of(self);
        state.forget_lapsed(now);
        let mut lost = Vec::new();
        for id in sessions {
            match state.work.sessions.get_mut(id) {
                Some(session) => session.lapses_at = now.plus(ttl),
                None => lost.push(*id),
            }
        }
        Ok(lost)
    }

    async fn close_session(&self, id: SessionId) -> StoreResult<bool> {
        let now = self.time();
        let mut state = WorkTransaction::of(self);
        state.forget_lapsed(now);
        Ok(state.work.sessions.remove(&id).is_some())
    }

    async fn session_count(&self, tenant: &TenantId) -> StoreResult<u64> {
        let now = self.time();
        let mut state = WorkTransaction::of(self);
        state.forget_lapsed(now);
        let own = state.work.sessions.values().filter(|session| session.tenant == *tenant).count();
        Ok(u64::try_from(own).unwrap_or(u64::MAX))
    }
}
