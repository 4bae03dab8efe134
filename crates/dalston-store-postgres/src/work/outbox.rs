//! The outbox: inserts the deliveries of an event, leases due deliveries, and records attempts.
//!
//! Lock order: the row `seq` of `meta` (changes only), the row `outbox`, the webhook, its deliveries.

use super::row::{self, delivery_columns, webhook_columns};
use crate::{change::Change, pg_timestamp::PgTimestamp, pooled_connection::PooledConnection};
use dalston_model::AuditEntry;
use dalston_work::{AttemptOutcome, Delivery, DeliveryStatus, DueDelivery, Event, Webhook, WebhookId, WebhookSecret};
use sqlx::{PgConnection, Row, postgres::PgRow};
use std::{collections::HashMap, time::Duration};
use uuid::Uuid;

const OF_TENANT: &str = concat!("SELECT ", webhook_columns!(), " FROM webhooks WHERE tenant_id = $1 ORDER BY id");

const PUT: &str = "
    INSERT INTO deliveries (id, webhook_id, kind, body, created_at, status, attempts, next_at)
    VALUES ($1, $2, $3, $4, $5, 'pending', 0, $6) ON CONFLICT (id) DO NOTHING";

/// The lock for taking deliveries: one transaction at a time, so each sees what the previous one left.
const LOCK: &str = "SELECT value FROM meta WHERE name = 'outbox' FOR UPDATE";

/// Selects up to $2 deliveries that are due at $1, except those of the webhooks $3. Uses the time of the statement,
/// which can be the bound of an index scan. Steps from webhook to webhook by the index, so it does not read the
/// deliveries of disabled webhooks, however many there are.
const DUE: &str = "
    WITH RECURSIVE waiting AS (
        (SELECT webhook_id FROM deliveries WHERE next_at IS NOT NULL ORDER BY webhook_id LIMIT 1)
        UNION ALL
        SELECT (
            SELECT webhook_id FROM deliveries WHERE next_at IS NOT NULL AND webhook_id > waiting.webhook_id
            ORDER BY webhook_id LIMIT 1
        ) FROM waiting WHERE webhook_id IS NOT NULL
    )
    SELECT due.id FROM waiting JOIN webhooks ON webhooks.id = waiting.webhook_id
    CROSS JOIN LATERAL (
        SELECT id, next_at FROM deliveries
        WHERE webhook_id = waiting.webhook_id AND next_at <= coalesce($1, statement_timestamp())
        ORDER BY next_at, id LIMIT $2
    ) AS due
    WHERE webhooks.enabled AND webhooks.id <> ALL ($3) ORDER BY due.next_at, due.id LIMIT $2";

/// Leases the deliveries. Skips a delivery for which an attempt is being recorded.
const TAKE: &str = concat!(
    "UPDATE deliveries SET attempts = attempts + 1, \
     next_at = coalesce($2, clock_timestamp()) + $3 * interval '1 microsecond' \
     WHERE id = ANY (ARRAY(SELECT id FROM deliveries WHERE id = ANY ($1) AND next_at <= coalesce($2, clock_timestamp()) \
     FOR UPDATE SKIP LOCKED)) RETURNING ",
    delivery_columns!()
);

const SIGNED: &str = concat!(
    "SELECT ",
    webhook_columns!(),
    ", secret, CASE WHEN old_secret_ends_at > coalesce($2, clock_timestamp()) THEN old_secret END AS old_secret \
     FROM webhooks WHERE id = ANY ($1)"
);

const NOTE: &str = "
    UPDATE deliveries SET status = $4, next_at = $5, last_at = $6, last_status = $7, last_error = $8
    WHERE id = $1 AND webhook_id = $2 AND status = 'pending' AND attempts = $3";

/// Locks the webhook: until the end of the transaction, no other transaction changes it.
const LOCK_OF: &str = concat!(
    "SELECT ",
    webhook_columns!(),
    ", coalesce($3, clock_timestamp()) AS now FROM webhooks WHERE tenant_id = $1 \
     AND id = (SELECT webhook_id FROM deliveries WHERE id = $2) FOR NO KEY UPDATE"
);

/// Inserts a delivery of the event for each webhook that subscribes to it.
pub(crate) async fn put(conn: &mut PgConnection, event: &Event) -> sqlx::Result<()> {
    let query = sqlx::query(OF_TENANT).bind(event.tenant.as_str()).try_map(|row| row::webhook(&row));
    for webhook in query.fetch_all(&mut *conn).await?.iter().filter(|webhook| webhook.subscribes_to(event.kind)) {
        let delivery = Delivery::new(event, webhook.id);
        sqlx::query(PUT)
            .bind(delivery.id.as_uuid())
            .bind(webhook.id.as_uuid())
            .bind(delivery.kind.as_str())
            .bind(&delivery.body)
            .bind(PgTimestamp(delivery.created_at))
            .bind(delivery.next_at.map(PgTimestamp))
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

/// Leases due deliveries for the duration `ttl`.
pub(crate) async fn take(
    lease: &mut PooledConnection,
    limit: u32,
    ttl: Duration,
    but: &[WebhookId],
    now: Option<PgTimestamp>,
) -> sqlx::Result<Vec<DueDelivery>> {
    let but: Vec<Uuid> = but.iter().map(|webhook| *webhook.as_uuid()).collect();
    // An idle outbox is polled all the time, so this first check takes no lock.
    if due(lease, limit, &but, now).await?.is_empty() {
        return Ok(Vec::new());
    }
    let mut transaction = lease.begin().await?;
    sqlx::query(LOCK).execute(&mut *transaction).await?;
    let due = due(&mut transaction, limit, &but, now).await?;
    let query = sqlx::query(TAKE).bind(&due).bind(now).bind(row::micros(ttl)).try_map(|row| row::delivery(&row));
    let taken = query.fetch_all(&mut *transaction).await?;
    let webhooks: Vec<Uuid> = taken.iter().map(|delivery| *delivery.webhook.as_uuid()).collect();
    let query = sqlx::query(SIGNED).bind(webhooks).bind(now).try_map(|row| signed(&row));
    let webhooks: HashMap<WebhookId, (Webhook, Vec<WebhookSecret>)> =
        query.fetch_all(&mut *transaction).await?.into_iter().map(|it| (it.0.id, it)).collect();
    transaction.commit().await?;
    let mut taken: HashMap<Uuid, Delivery> = taken.into_iter().map(|it| (*it.id.as_uuid(), it)).collect();
    let full = |delivery: Delivery| {
        let (webhook, secrets) = webhooks.get(&delivery.webhook)?.clone();
        Some(DueDelivery { delivery, webhook, secrets })
    };
    Ok(due.iter().filter_map(|id| taken.remove(id)).filter_map(full).collect())
}

async fn due(conn: &mut PgConnection, limit: u32, but: &[Uuid], now: Option<PgTimestamp>) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar(DUE).bind(now).bind(i64::from(limit)).bind(but).fetch_all(conn).await
}

fn signed(row: &PgRow) -> sqlx::Result<(Webhook, Vec<WebhookSecret>)> {
    let secrets = [Some(row.try_get("secret")?), row.try_get("old_secret")?];
    Ok((row::webhook(row)?, secrets.into_iter().flatten().map(WebhookSecret::new).collect()))
}

/// Records an attempt. Returns whether its webhook was disabled. Only the final failure of a delivery can do that; all
/// other outcomes are not changes.
pub(crate) async fn finish(
    lease: &mut PooledConnection,
    attempted: &AttemptOutcome,
    now: Option<PgTimestamp>,
    disabled: &AuditEntry,
) -> sqlx::Result<bool> {
    let status = match (&attempted.error, attempted.next_at) {
        (None, _) => DeliveryStatus::Delivered,
        (Some(_), None) => DeliveryStatus::Failed,
        (Some(_), Some(_)) => DeliveryStatus::Pending,
    };
    if status != DeliveryStatus::Failed {
        let mut transaction = lease.begin().await?;
        note(&mut transaction, attempted, status, now).await?;
        transaction.commit().await?;
        return Ok(false);
    }
    let mut change = Change::begin(lease).await?;
    let dead = note(change.conn(), attempted, status, now).await?;
    if dead {
        change.commit(disabled).await?;
    } else {
        change.commit_unrecorded().await?;
    }
    Ok(dead)
}

/// Writes the attempt to the delivery and to its webhook. Returns whether this disabled the webhook.
async fn note(
    conn: &mut PgConnection,
    attempted: &AttemptOutcome,
    status: DeliveryStatus,
    now: Option<PgTimestamp>,
) -> sqlx::Result<bool> {
    let read = |row: PgRow| Ok((row::webhook(&row)?, row::time(&row, "now")?));
    let query = sqlx::query(LOCK_OF).bind(attempted.tenant.as_str()).bind(attempted.delivery.as_uuid()).bind(now);
    let Some((mut webhook, now)) = query.try_map(read).fetch_optional(&mut *conn).await? else { return Ok(false) };
    let noted = sqlx::query(NOTE)
        .bind(attempted.delivery.as_uuid())
        .bind(webhook.id.as_uuid())
        .bind(i64::from(attempted.attempt))
        .bind(status.as_str())
        .bind(attempted.next_at.filter(|_| status == DeliveryStatus::Pending).map(PgTimestamp))
        .bind(PgTimestamp(attempted.at))
        .bind(attempted.status.map(i32::from))
        .bind(attempted.error.as_deref().map(row::printable))
        .execute(&mut *conn)
        .await?;
    if noted.rows_affected() == 0 || status == DeliveryStatus::Pending {
        return Ok(false);
    }
    if status == DeliveryStatus::Delivered {
        webhook.last_success_at = Some(attempted.at);
        webhook.exhausted = 0;
    } else {
        webhook.exhausted = webhook.exhausted.saturating_add(1);
    }
    let dead = status == DeliveryStatus::Failed && webhook.is_dead(now);
    if dead {
        webhook.enabled = false;
        webhook.disabled_at = Some(now);
    }
    write(conn, &webhook).await?;
    Ok(dead)
}

/// Writes all mutable fields of a webhook, except its secrets.
pub(crate) async fn write(conn: &mut PgConnection, webhook: &Webhook) -> sqlx::Result<()> {
    let sql = "UPDATE webhooks SET url = $2, description = $3, events = $4, enabled = $5, disabled_at = $6, \
               last_success_at = $7, exhausted = $8 WHERE id = $1";
    sqlx::query(sql)
        .bind(webhook.id.as_uuid())
        .bind(&webhook.url)
        .bind(webhook.description.as_ref().map(dalston_model::Description::as_str))
        .bind(row::events(webhook))
        .bind(webhook.enabled)
        .bind(webhook.disabled_at.map(PgTimestamp))
        .bind(webhook.last_success_at.map(PgTimestamp))
        .bind(i64::from(webhook.exhausted))
        .execute(conn)
        .await?;
    Ok(())
}
