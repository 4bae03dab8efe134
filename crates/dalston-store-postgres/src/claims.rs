//! Idempotency keys, inside the change that they belong to.

use crate::pg_timestamp::PgTimestamp;
use dalston_store::{AlreadyProcessed, IdempotencyKey};
use sqlx::{PgConnection, Row, postgres::PgRow};

/// Returns the result of the earlier request with this idempotency key, if there was one and it has not expired.
pub(crate) async fn repeated(
    conn: &mut PgConnection,
    claim: Option<&IdempotencyKey>,
    now: Option<PgTimestamp>,
) -> sqlx::Result<Option<AlreadyProcessed>> {
    let Some(claim) = claim else { return Ok(None) };
    let sql = "SELECT target, fingerprint FROM claims \
               WHERE scope = $1 AND key = $2 AND expires_at > coalesce($3, clock_timestamp())";
    let read = |row: PgRow| {
        let same_payload = row.try_get::<&[u8], _>("fingerprint")? == claim.fingerprint;
        Ok(AlreadyProcessed { target: row.try_get("target")?, same_payload })
    };
    sqlx::query(sql).bind(&claim.scope).bind(&claim.key).bind(now).try_map(read).fetch_optional(conn).await
}

/// Stores the idempotency key, replacing an expired one. Also removes up to ten other expired ones.
pub(crate) async fn make(
    conn: &mut PgConnection,
    claim: Option<&IdempotencyKey>,
    target: &str,
    now: Option<PgTimestamp>,
) -> sqlx::Result<()> {
    let Some(claim) = claim else { return Ok(()) };
    let lapsed = "DELETE FROM claims WHERE ctid = ANY (ARRAY(SELECT ctid FROM claims \
                  WHERE expires_at <= coalesce($1, clock_timestamp()) ORDER BY expires_at LIMIT 10))";
    sqlx::query(lapsed).bind(now).execute(&mut *conn).await?;
    let sql = "INSERT INTO claims (scope, key, fingerprint, target, expires_at) VALUES ($1, $2, $3, $4, $5) \
               ON CONFLICT (scope, key) DO UPDATE SET fingerprint = excluded.fingerprint, \
               target = excluded.target, expires_at = excluded.expires_at";
    let query = sqlx::query(sql).bind(&claim.scope).bind(&claim.key).bind(claim.fingerprint);
    query.bind(target).bind(PgTimestamp(claim.expires_at)).execute(conn).await?;
    Ok(())
}
