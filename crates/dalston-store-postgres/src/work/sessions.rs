//! Streaming sessions and their slots, in Postgres. They are not changes: of the operations here, only registering or
//! removing a worker takes the lock of changes.
//!
//! Lock order: the limits of the key and of the tenant, then the slots.

use super::{meter::Quotas, row, workers};
use crate::{PostgresStore, pg_timestamp::PgTimestamp};
use async_trait::async_trait;
use dalston_model::{AuditEntry, TenantId};
use dalston_store::StoreResult;
use dalston_work::{
    NewSession, OpenSessionOutcome, QuotaExceeded, QuotaKind, SessionId, SessionStore, Worker, WorkerId, WorkerLoad,
};
use sqlx::PgConnection;
use std::{collections::HashSet, time::Duration};
use uuid::Uuid;

/// Counts the open sessions, up to $3; only those of the key $4 unless it is null.
const OPEN: &str = "
    SELECT count(*) FROM (
        SELECT FROM sessions WHERE tenant_id = $1 AND lapses_at > coalesce($2, clock_timestamp())
            AND ($4 IS NULL OR key_id = $4) LIMIT $3
    ) AS open";

const INSERT: &str = "
    INSERT INTO sessions (id, tenant_id, key_id, worker_id, lapses_at)
    VALUES ($1, $2, $3, $4, coalesce($5, clock_timestamp()) + $6 * interval '1 microsecond')
    ON CONFLICT (id) DO UPDATE SET tenant_id = excluded.tenant_id, key_id = excluded.key_id,
        worker_id = excluded.worker_id, lapses_at = excluded.lapses_at";

/// Locks the sessions in the order of their ids, so two nodes cannot deadlock.
const RENEW: &str = "
    WITH live AS (
        SELECT id FROM sessions WHERE id = ANY ($1) AND lapses_at > coalesce($2, clock_timestamp())
        ORDER BY id FOR UPDATE
    )
    UPDATE sessions SET lapses_at = coalesce($2, clock_timestamp()) + $3 * interval '1 microsecond'
    FROM live WHERE sessions.id = live.id RETURNING sessions.id";

const CLOSE: &str = "DELETE FROM sessions WHERE id = $1 RETURNING lapses_at > coalesce($2, clock_timestamp())";

/// Removes expired sessions. Each opening removes more than it adds, so expired sessions do not accumulate. Skips
/// sessions that other transactions have locked.
const SWEEP: &str = "
    DELETE FROM sessions WHERE id = ANY (ARRAY(
        SELECT id FROM sessions WHERE lapses_at <= coalesce($1, statement_timestamp())
        ORDER BY lapses_at LIMIT 4 FOR UPDATE SKIP LOCKED))";

/// Returns the first limit on concurrent streams that is reached. Locks the limits: until the end of the transaction,
/// no other transaction counts against them.
async fn crowded(
    conn: &mut PgConnection,
    session: &NewSession,
    now: Option<PgTimestamp>,
) -> sqlx::Result<Option<QuotaExceeded>> {
    let quotas = Quotas::lock_streams(conn, &session.tenant, session.key).await?;
    for (key, excess) in quotas.at_once(QuotaKind::Streams) {
        let query = sqlx::query_scalar::<_, i64>(OPEN).bind(session.tenant.as_str()).bind(now);
        let query = query.bind(i64::from(excess.most)).bind(key.map(|key| *key.as_uuid()));
        if query.fetch_one(&mut *conn).await? >= i64::from(excess.most) {
            return Ok(Some(excess));
        }
    }
    Ok(None)
}

async fn insert(
    conn: &mut PgConnection,
    session: &NewSession,
    worker: Option<&Worker>,
    ttl: Duration,
    now: Option<PgTimestamp>,
) -> sqlx::Result<()> {
    sqlx::query(INSERT)
        .bind(session.id.as_uuid())
        .bind(session.tenant.as_str())
        .bind(session.key.map(|key| *key.as_uuid()))
        .bind(worker.map(|worker| worker.id.as_str()))
        .bind(now)
        .bind(row::micros(ttl))
        .execute(conn)
        .await?;
    Ok(())
}

#[async_trait]
impl SessionStore for PostgresStore {
    async fn put_worker(&self, worker: &Worker, ttl: Duration, entry: &AuditEntry) -> StoreResult<bool> {
        self.call(async { workers::put(&mut self.lease().await?, worker, ttl, self.now(), entry).await }).await
    }

    async fn remove_worker(&self, id: &WorkerId, tenant: Option<&TenantId>, entry: &AuditEntry) -> StoreResult<bool> {
        self.call(async { workers::remove(&mut self.lease().await?, id, tenant, self.now(), entry).await }).await
    }

    async fn workers(&self) -> StoreResult<Vec<WorkerLoad>> {
        self.call(async { workers::loads(&mut *self.lease().await?, self.now()).await }).await
    }

    async fn open_session(
        &self,
        session: &NewSession,
        own: bool,
        except: &[WorkerId],
        ttl: Duration,
    ) -> StoreResult<OpenSessionOutcome> {
        self.call(async {
            let now = self.now();
            let mut lease = self.lease().await?;
            let mut transaction = lease.begin().await?;
            sqlx::query(SWEEP).bind(now).execute(&mut *transaction).await?;
            if let Some(excess) = crowded(&mut transaction, session, now).await? {
                return Ok(OpenSessionOutcome::Excess(excess));
            }
            let worker = workers::choose(&mut transaction, session, except, now).await?;
            if worker.is_none() && !own {
                return Ok(OpenSessionOutcome::NoCapacity);
            }
            insert(&mut transaction, session, worker.as_ref(), ttl, now).await?;
            transaction.commit().await?;
            Ok(worker.map_or(OpenSessionOutcome::Own, OpenSessionOutcome::Worker))
        })
        .await
    }

    async fn renew_sessions(&self, sessions: &[SessionId], ttl: Duration) -> StoreResult<Vec<SessionId>> {
        self.call(async {
            let ids: Vec<Uuid> = sessions.iter().map(|session| *session.as_uuid()).collect();
            let query = sqlx::query_scalar(RENEW).bind(ids).bind(self.now()).bind(row::micros(ttl));
            let live: HashSet<Uuid> = query.fetch_all(&mut *self.lease().await?).await?.into_iter().collect();
            Ok(sessions.iter().filter(|session| !live.contains(session.as_uuid())).copied().collect())
        })
        .await
    }

    async fn close_session(&self, id: SessionId) -> StoreResult<bool> {
        self.call(async {
            let query = sqlx::query_scalar(CLOSE).bind(id.as_uuid()).bind(self.now());
            Ok(query.fetch_optional(&mut *self.lease().await?).await?.unwrap_or(false))
        })
        .await
    }

    async fn session_count(&self, tenant: &TenantId) -> StoreResult<u64> {
        self.call(async {
            let query = sqlx::query_scalar::<_, i64>(OPEN).bind(tenant.as_str()).bind(self.now());
            let count = query.bind(i64::MAX).bind(None::<Uuid>).fetch_one(&mut *self.lease().await?).await?;
            Ok(count.unsigned_abs())
        })
        .await
    }
}
