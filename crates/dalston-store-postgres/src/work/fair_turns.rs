//! Leases jobs in fair order between tenants. The order is the same for all nodes, because one of them chooses at a
//! time.

use super::row::{self, job_columns, queued_job_columns};
use crate::{pg_timestamp::PgTimestamp, pooled_connection::PooledConnection as Session};
use dalston_model::{TenantId, Timestamp};
use dalston_work::{FairScheduler, JobLease, JobLeaseRequest, LeasedJob, WaitingTenant};
use sqlx::{PgConnection, Row, postgres::PgRow};
use std::collections::{BTreeMap, HashMap, VecDeque};
use uuid::Uuid;

/// Tests whether any job is pending. An idle queue is polled all the time, so this takes no lock. It uses the order of
/// the index, so the planner uses the index, whatever it estimates: the query must not scan the jobs that have ended.
const ANY: &str = "SELECT tenant_id FROM jobs WHERE status = 'pending' ORDER BY tenant_id LIMIT 1";

/// The lock for choosing jobs. It is held for a few statements. A transaction that waits for a change does not hold it.
const LOCK: &str = "SELECT value FROM meta WHERE name = 'turn' FOR UPDATE";

/// Selects the tenants, except $4, that have a due job and fewer than $3 running jobs, each with its oldest due jobs at
/// the time $1, at most $2. Steps from tenant to tenant by the index, so it does not read the further jobs of a tenant.
const WAITING: &str = "
    WITH RECURSIVE waiting AS (
        (SELECT tenant_id FROM jobs WHERE status = 'pending' ORDER BY tenant_id LIMIT 1)
        UNION ALL
        SELECT (
            SELECT tenant_id FROM jobs WHERE status = 'pending' AND tenant_id > waiting.tenant_id
            ORDER BY tenant_id LIMIT 1
        ) FROM waiting WHERE tenant_id IS NOT NULL
    )
    SELECT waiting.tenant_id, busy.count AS busy, coalesce(turn, 0) AS turn, due.id, due.created_at
    FROM waiting LEFT JOIN turns ON turns.tenant_id = waiting.tenant_id
    CROSS JOIN LATERAL (
        SELECT count(*) FROM jobs WHERE tenant_id = waiting.tenant_id AND status IN ('running', 'cancelling')
    ) AS busy
    CROSS JOIN LATERAL (
        SELECT id, created_at FROM jobs
        WHERE tenant_id = waiting.tenant_id AND status = 'pending' AND due_at <= coalesce($1, statement_timestamp())
        ORDER BY created_at, id LIMIT $2
    ) AS due
    WHERE busy.count < $3 AND waiting.tenant_id <> ALL ($4)
    ORDER BY due.created_at, due.id";

/// Leases the jobs. Skips a job that a change has locked: it is being cancelled.
const TAKE: &str = concat!(
    "UPDATE jobs SET status = 'running', started_at = coalesce(started_at, $2, clock_timestamp()), progress = NULL, \
     fence = fence + 1, lease_ends = coalesce($2, clock_timestamp()) + $3 * interval '1 microsecond' \
     WHERE id = ANY (ARRAY(SELECT id FROM jobs WHERE id = ANY ($1) AND status = 'pending' FOR UPDATE SKIP LOCKED)) \
     RETURNING ",
    queued_job_columns!()
);

const NOTE: &str = "
    INSERT INTO turns (tenant_id, turn) SELECT * FROM unnest($1::text[], $2::bigint[])
    ON CONFLICT (tenant_id) DO UPDATE SET turn = excluded.turn";

/// A due job: when it was created, and its id.
type DueJob = (Timestamp, Uuid);

/// A tenant that has due jobs: the number of its running jobs, the number of its last turn, and its jobs, oldest first.
type TenantQueue = (u64, u64, VecDeque<DueJob>);

/// Leases the next jobs, in the order of their turns.
pub(crate) async fn lease(
    session: &mut Session,
    ask: &JobLeaseRequest,
    now: Option<PgTimestamp>,
) -> sqlx::Result<Vec<LeasedJob>> {
    if ask.limit == 0 || sqlx::query(ANY).fetch_optional(&mut **session).await?.is_none() {
        return Ok(Vec::new());
    }
    let mut transaction = session.begin().await?;
    let last: i64 = sqlx::query_scalar(LOCK).fetch_one(&mut *transaction).await?;
    let chosen = choose(waiting(&mut transaction, ask, now).await?, ask, last.unsigned_abs());
    if chosen.is_empty() {
        return Ok(Vec::new());
    }
    let query = sqlx::query(TAKE).bind(&chosen).bind(now).bind(row::micros(ask.ttl));
    let taken = query.try_map(|row| leased(&row)).fetch_all(&mut *transaction).await?;
    let mut taken: HashMap<Uuid, LeasedJob> = taken.into_iter().map(|it| (*it.job.id.as_uuid(), it)).collect();
    let leased: Vec<LeasedJob> = chosen.iter().filter_map(|id| taken.remove(id)).collect();
    let turns: BTreeMap<&TenantId, i64> = leased.iter().map(|it| &it.job.tenant).zip(last + 1..).collect();
    let query = sqlx::query(NOTE).bind(turns.keys().map(|tenant| tenant.as_str()).collect::<Vec<_>>());
    query.bind(turns.values().copied().collect::<Vec<_>>()).execute(&mut *transaction).await?;
    let query = sqlx::query("UPDATE meta SET value = $1 WHERE name = 'turn'");
    let given = i64::try_from(leased.len()).unwrap_or(i64::MAX);
    query.bind(last.saturating_add(given)).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(leased)
}

/// Returns the tenants that have due jobs, by their id.
async fn waiting(
    conn: &mut PgConnection,
    ask: &JobLeaseRequest,
    now: Option<PgTimestamp>,
) -> sqlx::Result<BTreeMap<TenantId, TenantQueue>> {
    let query = sqlx::query(WAITING).bind(now).bind(i64::from(ask.limit.min(ask.per_tenant)));
    let but: Vec<&str> = ask.but.iter().map(TenantId::as_str).collect();
    let rows = query.bind(i64::from(ask.per_tenant)).bind(but).fetch_all(conn).await?;
    let mut waiting = BTreeMap::new();
    for row in rows {
        let (busy, turn) = (row::count(&row, "busy")?, row::count(&row, "turn")?);
        let tenant = waiting.entry(row::parsed(&row, "tenant_id")?);
        let (.., due) = tenant.or_insert_with(|| (busy, turn, VecDeque::new()));
        due.push_back((row::time(&row, "created_at")?, row.try_get("id")?));
    }
    Ok(waiting)
}

/// Chooses the jobs to lease, turn by turn.
fn choose(mut waiting: BTreeMap<TenantId, TenantQueue>, ask: &JobLeaseRequest, last: u64) -> Vec<Uuid> {
    let mut turns = FairScheduler::new(ask, last);
    for (tenant, (running, served, due)) in &mut waiting {
        let Some(job) = due.pop_front() else { continue };
        turns.wait(WaitingTenant { tenant: tenant.clone(), running: *running, served: *served, job });
    }
    let mut chosen = Vec::new();
    for _ in 0..ask.limit {
        let Some((WaitingTenant { tenant, running, job: (_, id), .. }, number)) = turns.serve() else { break };
        chosen.push(id);
        if let Some(next) = waiting.get_mut(&tenant).and_then(|(.., due)| due.pop_front()) {
            turns.requeue(tenant, running, number, next);
        }
    }
    chosen
}

fn leased(row: &PgRow) -> sqlx::Result<LeasedJob> {
    let queued = row::queued_job(row)?;
    let lease = JobLease { tenant: queued.job.tenant.clone(), job: queued.job.id, fence: queued.fence };
    Ok(LeasedJob { job: queued.job, lease, deaths: queued.deaths, reserved_ms: queued.reserved_ms })
}
