//! Streaming workers, and the choice of a worker for a session.

use super::row;
use crate::{change::Change, pg_timestamp::PgTimestamp, pooled_connection::PooledConnection};
use dalston_model::{AuditEntry, TenantId};
use dalston_work::{NewSession, Slots, Worker, WorkerId, WorkerLoad};
use sqlx::{PgConnection, Row, postgres::PgRow, types::Json};
use std::{collections::HashMap, time::Duration};

/// The lock for choosing a worker: one transaction at a time counts the slots and takes one.
const LOCK_SLOTS: &str = "SELECT value FROM meta WHERE name = 'slot' FOR UPDATE";

const LIVE: &str = "SELECT worker FROM workers WHERE lapses_at > coalesce($1, clock_timestamp()) ORDER BY id";

const LOADS: &str = "
    SELECT worker, lapses_at, (
        SELECT count(*) FROM sessions WHERE worker_id = workers.id AND lapses_at > coalesce($1, clock_timestamp())
    ) AS sessions
    FROM workers WHERE lapses_at > coalesce($1, clock_timestamp()) ORDER BY id COLLATE \"C\"";

const SLOTS: &str = "
    SELECT worker_id, count(*) FROM sessions
    WHERE worker_id = ANY ($1) AND lapses_at > coalesce($2, clock_timestamp()) GROUP BY worker_id";

const SHARES: &str = "
    SELECT worker_id, count(*) FROM sessions
    WHERE tenant_id = $1 AND worker_id IS NOT NULL AND lapses_at > coalesce($2, clock_timestamp()) GROUP BY worker_id";

const LOCK: &str = "
    SELECT worker FROM workers WHERE id = $1 AND lapses_at > coalesce($2, clock_timestamp()) FOR UPDATE";

const PUT: &str = "
    INSERT INTO workers (id, worker, lapses_at)
    VALUES ($1, $2::text::json, coalesce($3, clock_timestamp()) + $4 * interval '1 microsecond')
    ON CONFLICT (id) DO UPDATE SET worker = excluded.worker, lapses_at = excluded.lapses_at";

/// Removes expired workers. Each registration removes more than it adds, so expired workers do not accumulate. Skips
/// workers that other transactions have locked.
const SWEEP: &str = "
    DELETE FROM workers WHERE id = ANY (ARRAY(
        SELECT id FROM workers WHERE lapses_at <= coalesce($1, statement_timestamp())
        ORDER BY lapses_at LIMIT 4 FOR UPDATE SKIP LOCKED))";

/// Registers the worker, or renews its registration. Renewing an unchanged registration is not a change. Returns
/// `false` if the name is registered for another tenant.
pub(crate) async fn put(
    lease: &mut PooledConnection,
    worker: &Worker,
    ttl: Duration,
    now: Option<PgTimestamp>,
    entry: &AuditEntry,
) -> sqlx::Result<bool> {
    let mut transaction = lease.begin().await?;
    if lock(&mut transaction, &worker.id, now).await?.as_ref() == Some(worker) {
        write(&mut transaction, worker, ttl, now).await?;
        transaction.commit().await?;
        return Ok(true);
    }
    transaction.rollback().await?;
    let mut change = Change::begin(lease).await?;
    let before = lock(change.conn(), &worker.id, now).await?;
    if before.as_ref().is_some_and(|before| before.tenant != worker.tenant) {
        return Ok(false);
    }
    write(change.conn(), worker, ttl, now).await?;
    if before.as_ref() == Some(worker) {
        change.commit_unrecorded().await?;
    } else {
        sqlx::query(SWEEP).bind(now).execute(change.conn()).await?;
        change.commit(entry).await?;
    }
    Ok(true)
}

/// Removes the worker. Returns `false` if it is not registered, or not for `tenant`.
pub(crate) async fn remove(
    lease: &mut PooledConnection,
    id: &WorkerId,
    tenant: Option<&TenantId>,
    now: Option<PgTimestamp>,
    entry: &AuditEntry,
) -> sqlx::Result<bool> {
    let mut change = Change::begin(lease).await?;
    let own = |worker: &Worker| tenant.is_none() || worker.tenant.as_ref() == tenant;
    if !lock(change.conn(), id, now).await?.as_ref().is_some_and(own) {
        return Ok(false);
    }
    sqlx::query("DELETE FROM workers WHERE id = $1").bind(id.as_str()).execute(change.conn()).await?;
    change.commit(entry).await?;
    Ok(true)
}

/// Returns the registered workers, by name.
pub(crate) async fn loads(conn: &mut PgConnection, now: Option<PgTimestamp>) -> sqlx::Result<Vec<WorkerLoad>> {
    let load = |row: PgRow| {
        let (worker, lapses_at) = (worker(&row)?, row::time(&row, "lapses_at")?);
        Ok(WorkerLoad { worker, sessions: row::narrow(&row, "sessions")?, lapses_at })
    };
    sqlx::query(LOADS).bind(now).try_map(load).fetch_all(conn).await
}

/// Chooses the worker with the least load that serves the session and has a free slot. Takes the slot lock: until the
/// end of the transaction, no other transaction takes a slot of any worker.
pub(crate) async fn choose(
    conn: &mut PgConnection,
    session: &NewSession,
    except: &[WorkerId],
    now: Option<PgTimestamp>,
) -> sqlx::Result<Option<Worker>> {
    let query = sqlx::query(LIVE).bind(now).try_map(|row| worker(&row));
    let mut workers = query.fetch_all(&mut *conn).await?;
    workers.retain(|worker| {
        worker.serves(&session.tenant, &session.model, &session.language) && !except.contains(&worker.id)
    });
    if workers.is_empty() {
        return Ok(None);
    }
    sqlx::query(LOCK_SLOTS).execute(&mut *conn).await?;
    let query = sqlx::query(SLOTS).bind(workers.iter().map(|worker| worker.id.as_str()).collect::<Vec<_>>()).bind(now);
    let taken: HashMap<String, u32> =
        query.try_map(|row| slots(&row)).fetch_all(&mut *conn).await?.into_iter().collect();
    let own = shares(conn, session, now).await?;
    let of =
        |counts: &HashMap<String, u32>, worker: &Worker| counts.get(worker.id.as_str()).copied().unwrap_or_default();
    let slots =
        workers.into_iter().map(|worker| Slots { taken: of(&taken, &worker), of_tenant: of(&own, &worker), worker });
    Ok(Slots::choose(slots, session, except))
}

/// Counts the tenant's sessions at each worker. Empty if the gateway has only one tenant, whose share is the whole
/// capacity.
async fn shares(
    conn: &mut PgConnection,
    session: &NewSession,
    now: Option<PgTimestamp>,
) -> sqlx::Result<HashMap<String, u32>> {
    if !session.is_one_of_several {
        return Ok(HashMap::new());
    }
    let query = sqlx::query(SHARES).bind(session.tenant.as_str()).bind(now);
    Ok(query.try_map(|row| slots(&row)).fetch_all(conn).await?.into_iter().collect())
}

fn slots(row: &PgRow) -> sqlx::Result<(String, u32)> {
    Ok((row.try_get("worker_id")?, row::narrow(row, "count")?))
}

async fn lock(conn: &mut PgConnection, id: &WorkerId, now: Option<PgTimestamp>) -> sqlx::Result<Option<Worker>> {
    let query = sqlx::query(LOCK).bind(id.as_str()).bind(now);
    query.try_map(|row| worker(&row)).fetch_optional(conn).await
}

async fn write(conn: &mut PgConnection, worker: &Worker, ttl: Duration, now: Option<PgTimestamp>) -> sqlx::Result<()> {
    let text = serde_json::to_string(worker).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let query = sqlx::query(PUT).bind(worker.id.as_str()).bind(text).bind(now).bind(row::micros(ttl));
    query.execute(conn).await?;
    Ok(())
}

fn worker(row: &PgRow) -> sqlx::Result<Worker> {
    row.try_get("worker").map(|Json(worker)| worker)
}
