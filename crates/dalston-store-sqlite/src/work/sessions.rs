//! Workers of streams, and the slots of their sessions. An expired one does not count, although its row may still
//! exist.

use super::meter;
use crate::{SqliteStore, feed, row};
use async_trait::async_trait;
use dalston_model::{AuditEntry, TenantId, Timestamp};
use dalston_store::StoreResult;
use dalston_work::{
    NewSession, OpenSessionOutcome, QuotaExceeded, QuotaKind, SessionId, SessionStore, Slots, Worker, WorkerId,
    WorkerLoad,
};
use serde_json::{Value, json};
use sqlx::{Row, SqliteConnection, SqliteExecutor, sqlite::SqliteRow};
use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

pub(crate) const FIND_WORKER: &str = "SELECT worker FROM workers WHERE id = ? AND lapses_at > ?";

const PUT_WORKER: &str = "INSERT OR REPLACE INTO workers (id, worker, lapses_at) VALUES (?, ?, ?)";

pub(crate) const REMOVE_WORKER: &str = "DELETE FROM workers WHERE id = ?";

/// In any order. ?1 now.
pub(crate) const WORKERS: &str = "SELECT worker, lapses_at, (SELECT count(*) FROM sessions INDEXED BY sessions_of_worker \
     WHERE worker_id = workers.id AND sessions.lapses_at > ?1) AS sessions \
     FROM workers INDEXED BY workers_by_end WHERE lapses_at > ?1";

/// The number of a tenant's sessions at each worker. ?1 the tenant, ?2 now.
pub(crate) const SHARES: &str = "SELECT worker_id, count(*) AS sessions FROM sessions INDEXED BY sessions_of_tenant \
     WHERE tenant_id = ?1 AND lapses_at > ?2 AND worker_id IS NOT NULL GROUP BY worker_id";

const OPEN: &str =
    "INSERT OR REPLACE INTO sessions (id, tenant_id, key_id, worker_id, lapses_at) VALUES (?, ?, ?, ?, ?)";

/// The batch is one JSON parameter, however many sessions it contains. ?1 the batch, ?2 now, ?3 the new expiry.
pub(crate) const RENEW: &str = "UPDATE sessions SET lapses_at = ?3 \
     WHERE id IN (SELECT value FROM json_each(?1)) AND lapses_at > ?2 RETURNING id";

pub(crate) const CLOSE: &str = "DELETE FROM sessions WHERE id = ? RETURNING lapses_at > ? AS live";

pub(crate) const COUNT: &str =
    "SELECT count(*) FROM sessions INDEXED BY sessions_of_tenant WHERE tenant_id = ? AND lapses_at > ?";

/// Counts only up to the limit.
pub(crate) const COUNT_OF_TENANT: &str = "SELECT count(*) FROM (SELECT 1 FROM sessions INDEXED BY sessions_of_tenant \
     WHERE tenant_id = ? AND lapses_at > ? LIMIT ?)";

pub(crate) const COUNT_OF_KEY: &str = "SELECT count(*) FROM (SELECT 1 FROM sessions INDEXED BY sessions_of_key \
     WHERE key_id = ? AND lapses_at > ? LIMIT ?)";

/// Deletes a few more than each call adds (one), so that expired ones never accumulate and no call pays for many.
pub(crate) const SWEEP: &str =
    "DELETE FROM sessions WHERE rowid IN (SELECT rowid FROM sessions WHERE lapses_at <= ? LIMIT 4)";

pub(crate) const SWEEP_WORKERS: &str =
    "DELETE FROM workers WHERE rowid IN (SELECT rowid FROM workers WHERE lapses_at <= ? LIMIT 4)";

fn worker(row: &SqliteRow) -> sqlx::Result<Worker> {
    serde_json::from_str(row.try_get("worker")?).map_err(|why| crate::error::undecodable("worker", why))
}

async fn find_worker(change: &mut SqliteConnection, id: &WorkerId, now: Timestamp) -> sqlx::Result<Option<Worker>> {
    let find = sqlx::query(FIND_WORKER).bind(id.as_str()).bind(now.as_micros());
    find.try_map(|row| worker(&row)).fetch_optional(change).await
}

/// The workers in order of their ids, with their load.
async fn workers(database: impl SqliteExecutor<'_>, now: Timestamp) -> sqlx::Result<Vec<WorkerLoad>> {
    let load = |row: SqliteRow| {
        let (sessions, lapses_at) = (row.try_get("sessions")?, row::time(&row, "lapses_at")?);
        Ok(WorkerLoad { worker: worker(&row)?, sessions, lapses_at })
    };
    let mut workers = sqlx::query(WORKERS).bind(now.as_micros()).try_map(load).fetch_all(database).await?;
    workers.sort_by(|left, right| left.worker.id.cmp(&right.worker.id));
    Ok(workers)
}

/// The tenant's number of sessions at each worker. Empty unless several tenants use the deployment: only then is each
/// tenant limited to its share of a worker.
async fn shares(
    change: &mut SqliteConnection,
    session: &NewSession,
    now: Timestamp,
) -> sqlx::Result<HashMap<String, u32>> {
    if !session.is_one_of_several {
        return Ok(HashMap::new());
    }
    let shares = sqlx::query_as(SHARES).bind(session.tenant.as_str()).bind(now.as_micros());
    Ok(shares.fetch_all(change).await?.into_iter().collect())
}

/// Returns the quota that the new session would exceed, if any.
async fn crowded(
    change: &mut SqliteConnection,
    session: &NewSession,
    now: Timestamp,
) -> sqlx::Result<Option<QuotaExceeded>> {
    for bound in meter::bounds(change, &session.tenant, session.key, QuotaKind::Streams).await? {
        let count = if bound.of_key {
            sqlx::query_scalar(COUNT_OF_KEY).bind(super::text(session.key))
        } else {
            sqlx::query_scalar(COUNT_OF_TENANT).bind(session.tenant.to_string())
        };
        let open: u32 = count.bind(now.as_micros()).bind(bound.most).fetch_one(&mut *change).await?;
        if open >= bound.most {
            return Ok(Some(bound));
        }
    }
    Ok(None)
}

#[async_trait]
impl SessionStore for SqliteStore {
    async fn put_worker(&self, worker: &Worker, ttl: Duration, entry: &AuditEntry) -> StoreResult<bool> {
        self.call(async {
            let mut change = self.change().await?;
            let now = self.clock.now();
            let before = find_worker(&mut change, &worker.id, now).await?;
            if before.as_ref().is_some_and(|before| before.tenant != worker.tenant) {
                return Ok(false);
            }
            sqlx::query(SWEEP_WORKERS).bind(now.as_micros()).execute(&mut *change).await?;
            sqlx::query(PUT_WORKER)
                .bind(worker.id.as_str())
                .bind(json!(worker).to_string())
                .bind(now.plus(ttl).as_micros())
                .execute(&mut *change)
                .await?;
            if before.as_ref() != Some(worker) {
                feed::record(&mut change, entry).await?;
            }
            change.commit().await?;
            Ok(true)
        })
        .await
    }

    async fn remove_worker(&self, id: &WorkerId, tenant: Option<&TenantId>, entry: &AuditEntry) -> StoreResult<bool> {
        self.call(async {
            let mut change = self.change().await?;
            let there = find_worker(&mut change, id, self.clock.now()).await?;
            if !there.is_some_and(|worker| tenant.is_none() || worker.tenant.as_ref() == tenant) {
                return Ok(false);
            }
            sqlx::query(REMOVE_WORKER).bind(id.as_str()).execute(&mut *change).await?;
            feed::record(&mut change, entry).await?;
            change.commit().await?;
            Ok(true)
        })
        .await
    }

    async fn workers(&self) -> StoreResult<Vec<WorkerLoad>> {
        self.call(workers(&self.readers, self.clock.now())).await
    }

    async fn open_session(
        &self,
        session: &NewSession,
        own: bool,
        except: &[WorkerId],
        ttl: Duration,
    ) -> StoreResult<OpenSessionOutcome> {
        self.call(async {
            let mut change = self.change().await?;
            let now = self.clock.now();
            if let Some(excess) = crowded(&mut change, session, now).await? {
                return Ok(OpenSessionOutcome::Excess(excess));
            }
            let shares = shares(&mut change, session, now).await?;
            let slots = workers(&mut *change, now).await?.into_iter().map(|WorkerLoad { worker, sessions, .. }| {
                let of_tenant = shares.get(worker.id.as_str()).copied().unwrap_or_default();
                Slots { worker, taken: sessions, of_tenant }
            });
            let worker = Slots::choose(slots, session, except);
            if worker.is_none() && !own {
                return Ok(OpenSessionOutcome::NoCapacity);
            }
            sqlx::query(SWEEP).bind(now.as_micros()).execute(&mut *change).await?;
            sqlx::query(OPEN)
                .bind(session.id.to_string())
                .bind(session.tenant.as_str())
                .bind(super::text(session.key))
                .bind(worker.as_ref().map(|worker| worker.id.as_str()))
                .bind(now.plus(ttl).as_micros())
                .execute(&mut *change)
                .await?;
            change.commit().await?;
            Ok(worker.map_or(OpenSessionOutcome::Own, OpenSessionOutcome::Worker))
        })
        .await
    }

    async fn renew_sessions(&self, sessions: &[SessionId], ttl: Duration) -> StoreResult<Vec<SessionId>> {
        if sessions.is_empty() {
            return Ok(Vec::new());
        }
        let batch = sessions.iter().map(ToString::to_string).collect::<Value>().to_string();
        self.call(async {
            let mut change = self.change().await?;
            let now = self.clock.now();
            let renew = sqlx::query(RENEW).bind(batch).bind(now.as_micros()).bind(now.plus(ttl).as_micros());
            let renewed = renew.try_map(|row| row::parsed(&row, "id")).fetch_all(&mut *change).await?;
            change.commit().await?;
            let renewed: HashSet<SessionId> = renewed.into_iter().collect();
            Ok(sessions.iter().filter(|id| !renewed.contains(id)).copied().collect())
        })
        .await
    }

    async fn close_session(&self, id: SessionId) -> StoreResult<bool> {
        self.call(async {
            let mut change = self.change().await?;
            let close = sqlx::query_scalar(CLOSE).bind(id.to_string()).bind(self.clock.now().as_micros());
            let live: Option<bool> = close.fetch_optional(&mut *change).await?;
            change.commit().await?;
            Ok(live == Some(true))
        })
        .await
    }

    async fn session_count(&self, tenant: &TenantId) -> StoreResult<u64> {
        let count = sqlx::query_scalar(COUNT).bind(tenant.as_str()).bind(self.clock.now().as_micros());
        self.call(count.fetch_one(&self.readers)).await
    }
}
