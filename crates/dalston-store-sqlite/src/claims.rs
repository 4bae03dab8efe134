//! Idempotency keys, recorded in the transaction of the effect.

use dalston_model::Timestamp;
use dalston_store::{AlreadyProcessed, IdempotencyKey};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

pub(crate) const FIND: &str = "SELECT target, fingerprint FROM claims WHERE scope = ? AND key = ? AND expires_at > ?";

const MAKE: &str = "INSERT OR REPLACE INTO claims (scope, key, fingerprint, target, expires_at) VALUES (?, ?, ?, ?, ?)";

/// Deletes a few more than each call adds (one), so that expired ones never accumulate and no call pays for many.
pub(crate) const SWEEP: &str =
    "DELETE FROM claims WHERE rowid IN (SELECT rowid FROM claims WHERE expires_at <= ? LIMIT 4)";

/// Returns the outcome recorded under this idempotency key, if there is one and it has not expired.
pub(crate) async fn repeated(
    change: &mut SqliteConnection,
    claim: Option<&IdempotencyKey>,
    now: Timestamp,
) -> sqlx::Result<Option<AlreadyProcessed>> {
    let Some(claim) = claim else { return Ok(None) };
    sqlx::query(FIND)
        .bind(&claim.scope)
        .bind(&claim.key)
        .bind(now.as_micros())
        .try_map(|row: SqliteRow| {
            let same_payload = row.try_get::<&[u8], _>("fingerprint")? == claim.fingerprint;
            Ok(AlreadyProcessed { target: row.try_get("target")?, same_payload })
        })
        .fetch_optional(change)
        .await
}

/// Records the idempotency key for the object of this id.
pub(crate) async fn make(
    change: &mut SqliteConnection,
    claim: Option<&IdempotencyKey>,
    target: String,
    now: Timestamp,
) -> sqlx::Result<()> {
    let Some(claim) = claim else { return Ok(()) };
    sqlx::query(SWEEP).bind(now.as_micros()).execute(&mut *change).await?;
    sqlx::query(MAKE)
        .bind(&claim.scope)
        .bind(&claim.key)
        .bind(claim.fingerprint.to_vec())
        .bind(target)
        .bind(claim.expires_at.as_micros())
        .execute(change)
        .await?;
    Ok(())
}
