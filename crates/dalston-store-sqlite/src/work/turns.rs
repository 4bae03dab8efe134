//! Whose job comes next: every tenant has its turn.

use super::queued::{self, Queued, queued_columns};
use dalston_model::Timestamp;
use dalston_work::LeaseJobs;
use futures_util::TryStreamExt;
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use std::collections::BTreeSet;

/// Those that waited for their time, and whose time has come.
pub(crate) const WAKE: &str =
    "UPDATE jobs INDEXED BY jobs_waiting SET due_at = NULL WHERE status = 'pending' AND due_at <= ?";

/// The tenants that have a job ready, by leaps from one to the next: so many steps as there are tenants, however many
/// jobs each has. With each the job that is its oldest.
pub(crate) const READY: &str = "WITH RECURSIVE holder (tenant) AS (\
     SELECT min(tenant_id) FROM jobs INDEXED BY jobs_ready WHERE status = 'pending' AND due_at IS NULL \
     UNION ALL SELECT (SELECT min(tenant_id) FROM jobs INDEXED BY jobs_ready \
     WHERE status = 'pending' AND due_at IS NULL AND tenant_id > tenant) FROM holder WHERE tenant IS NOT NULL) \
     SELECT tenant, ifnull((SELECT turn FROM turns WHERE tenant_id = tenant), 0) AS served, jobs.id AS job, jobs.created_at AS since, \
     (SELECT count(*) FROM jobs INDEXED BY jobs_by_status \
     WHERE tenant_id = tenant AND status IN ('running', 'cancelling')) AS running \
     FROM holder CROSS JOIN jobs ON jobs.rowid = (\
     SELECT rowid FROM jobs INDEXED BY jobs_ready WHERE tenant_id = tenant AND status = 'pending' AND due_at IS NULL \
     ORDER BY created_at, id LIMIT 1)";

/// The oldest job of one tenant that is ready.
pub(crate) const OLDEST: &str = "SELECT id AS job, created_at AS since FROM jobs INDEXED BY jobs_ready \
     WHERE tenant_id = ? AND status = 'pending' AND due_at IS NULL ORDER BY created_at, id LIMIT 1";

pub(crate) const LEASE: &str = concat!(
    "UPDATE jobs SET status = 'running', started_at = ifnull(started_at, ?1), progress = NULL, fence = fence + 1, ",
    "lease_ends = ?2 WHERE id = ?3 RETURNING ",
    queued_columns!()
);

pub(crate) const LAST_TURN: &str = "SELECT ifnull(max(turn), 0) FROM turns";

const SERVE: &str = "INSERT OR REPLACE INTO turns (turn, tenant_id) VALUES (?, ?)";

/// A tenant's place in the order, and the job that it is there with.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    running: u32,
    /// The number of its last turn.
    served: i64,
    since: i64,
    job: String,
    tenant: String,
}

fn turn(row: &SqliteRow) -> sqlx::Result<Turn> {
    Ok(Turn {
        running: row.try_get("running")?,
        served: row.try_get("served")?,
        since: row.try_get("since")?,
        job: row.try_get("job")?,
        tenant: row.try_get("tenant")?,
    })
}

/// The first tenants of the order. More than there are jobs to give cannot have a turn: a turn only puts its tenant back.
async fn turns(change: &mut SqliteConnection, ask: &LeaseJobs) -> sqlx::Result<BTreeSet<Turn>> {
    let mut turns = BTreeSet::new();
    let mut ready = sqlx::query(READY).try_map(|row| turn(&row)).fetch(change);
    while let Some(turn) = ready.try_next().await? {
        if turn.running >= ask.per_tenant || ask.but.iter().any(|it| it.as_str() == turn.tenant) {
            continue;
        }
        turns.insert(turn);
        if turns.len() > usize::try_from(ask.limit).unwrap_or(usize::MAX) {
            turns.pop_last();
        }
    }
    Ok(turns)
}

/// Leases jobs, turn by turn.
pub(crate) async fn lease(change: &mut SqliteConnection, ask: &LeaseJobs, now: Timestamp) -> sqlx::Result<Vec<Queued>> {
    sqlx::query(WAKE).bind(now.as_micros()).execute(&mut *change).await?;
    let mut turns = turns(change, ask).await?;
    let mut last: i64 = sqlx::query_scalar(LAST_TURN).fetch_one(&mut *change).await?;
    let mut leased = Vec::new();
    for _ in 0..ask.limit {
        let Some(Turn { running, tenant, job, .. }) = turns.pop_first() else { break };
        let lease = sqlx::query(LEASE).bind(now.as_micros()).bind(now.plus(ask.ttl).as_micros()).bind(job);
        leased.push(lease.try_map(|row| queued::queued(&row)).fetch_one(&mut *change).await?);
        last += 1;
        sqlx::query(SERVE).bind(last).bind(tenant.as_str()).execute(&mut *change).await?;
        if running + 1 >= ask.per_tenant {
            continue;
        }
        let oldest = sqlx::query(OLDEST).bind(tenant.as_str());
        let oldest = oldest.try_map(|row: SqliteRow| Ok((row.try_get("job")?, row.try_get("since")?)));
        if let Some((job, since)) = oldest.fetch_optional(&mut *change).await? {
            turns.insert(Turn { running: running + 1, served: last, since, job, tenant });
        }
    }
    Ok(leased)
}
