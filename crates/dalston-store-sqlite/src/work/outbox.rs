//! The webhook outbox: filled in the transaction that ends a job, emptied one delivery attempt at a time.

use super::webhook_row::{self, webhook_columns};
use crate::{page::page, row};
use dalston_model::Timestamp;
use dalston_work::{AttemptOutcome, Delivery, DeliveryStatus, DueDelivery, Event, WebhookId, WebhookSecret};
use futures_util::TryStreamExt;
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use std::{collections::BTreeSet, time::Duration};

/// The columns that [`delivery`] reads.
macro_rules! delivery_columns {
    () => {
        "id, webhook_id, kind, body, created_at, status, attempts, next_at, last_at, last_status, last_error"
    };
}

/// There are few: at most [`dalston_work::Webhook::MOST`].
pub(crate) const HEARING: &str = concat!("SELECT ", webhook_columns!(), " FROM webhooks WHERE tenant_id = ?");

/// Leaves an existing delivery unchanged.
const PUT: &str = concat!(
    "INSERT INTO deliveries (",
    delivery_columns!(),
    ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"
);

/// The first due delivery of each enabled webhook. An index skip scan over the webhooks that have pending deliveries:
/// the deliveries of a disabled webhook are not scanned. ?1 now.
pub(crate) const DUE: &str = "WITH RECURSIVE hearer (webhook) AS (\
     SELECT min(webhook_id) FROM deliveries INDEXED BY deliveries_due WHERE next_at IS NOT NULL \
     UNION ALL SELECT (SELECT min(webhook_id) FROM deliveries INDEXED BY deliveries_due \
     WHERE next_at IS NOT NULL AND webhook_id > webhook) FROM hearer WHERE webhook IS NOT NULL) \
     SELECT deliveries.next_at, deliveries.id, webhook FROM hearer \
     CROSS JOIN webhooks ON webhooks.id = webhook AND enabled CROSS JOIN deliveries ON deliveries.rowid = (\
     SELECT rowid FROM deliveries INDEXED BY deliveries_due WHERE webhook_id = webhook AND next_at <= ?1 \
     ORDER BY next_at, id LIMIT 1)";

/// The next due delivery of the same webhook.
pub(crate) const NEXT_DUE: &str = "SELECT next_at, id, webhook_id AS webhook FROM deliveries INDEXED BY deliveries_due \
     WHERE webhook_id = ? AND next_at <= ? AND (next_at, id) > (?, ?) ORDER BY next_at, id LIMIT 1";

pub(crate) const TAKE: &str =
    concat!("UPDATE deliveries SET attempts = attempts + 1, next_at = ? WHERE id = ? RETURNING ", delivery_columns!());

pub(crate) const SECRETS: &str = concat!(
    "SELECT ",
    webhook_columns!(),
    ", secret, iif(old_ends_at > ?, old_secret, NULL) AS old_secret FROM webhooks WHERE id = ?"
);

/// The pending delivery, if `attempts` is still the number of this attempt.
pub(crate) const UNDER_WAY: &str =
    concat!("SELECT ", delivery_columns!(), " FROM deliveries WHERE id = ? AND attempts = ? AND status = 'pending'");

pub(crate) const NOTE: &str = "UPDATE deliveries SET status = ?, next_at = ?, last_at = ?, last_status = ?, \
     last_error = ? WHERE id = ?";

pub(crate) const SUCCEED: &str = "UPDATE webhooks SET last_success_at = ?, exhausted = 0 WHERE id = ?";

pub(crate) const LIST: &str = concat!(
    "SELECT ",
    delivery_columns!(),
    " FROM deliveries WHERE webhook_id = (SELECT id FROM webhooks WHERE id = ? AND tenant_id = ?) AND ",
    page!()
);

pub(crate) const RETRY: &str = concat!(
    "UPDATE deliveries SET status = 'pending', attempts = 0, next_at = ? WHERE id = ? ",
    "AND webhook_id = (SELECT id FROM webhooks WHERE id = ? AND tenant_id = ?) AND status <> 'pending' RETURNING ",
    delivery_columns!()
);

pub(crate) const DELETE_ALL: &str = "DELETE FROM deliveries WHERE webhook_id = ?";

pub(crate) const SWEEP: &str = "DELETE FROM deliveries WHERE rowid IN (SELECT rowid FROM deliveries \
     INDEXED BY deliveries_ended WHERE next_at IS NULL AND created_at < ? LIMIT ?)";

/// The delivery in a row.
pub(crate) fn delivery(row: &SqliteRow) -> sqlx::Result<Delivery> {
    Ok(Delivery {
        id: row::parsed(row, "id")?,
        webhook: row::parsed(row, "webhook_id")?,
        kind: row::parsed(row, "kind")?,
        body: row.try_get("body")?,
        created_at: row::time(row, "created_at")?,
        status: row::parsed(row, "status")?,
        attempts: row.try_get("attempts")?,
        next_at: row::time_if_any(row, "next_at")?,
        last_at: row::time_if_any(row, "last_at")?,
        last_status: row.try_get("last_status")?,
        last_error: row.try_get("last_error")?,
    })
}

/// Inserts a delivery of the event into the outbox for every webhook that subscribes to it.
pub(crate) async fn tell(change: &mut SqliteConnection, event: &Event) -> sqlx::Result<()> {
    let webhooks = sqlx::query(HEARING).bind(event.tenant.as_str()).try_map(|row| webhook_row::webhook(&row));
    for webhook in webhooks.fetch_all(&mut *change).await?.iter().filter(|webhook| webhook.subscribes_to(event.kind)) {
        let delivery = Delivery::new(event, webhook.id);
        sqlx::query(PUT)
            .bind(delivery.id.to_string())
            .bind(delivery.webhook.to_string())
            .bind(delivery.kind.as_str())
            .bind(delivery.body)
            .bind(delivery.created_at.as_micros())
            .bind(delivery.status.as_str())
            .bind(delivery.attempts)
            .bind(row::micros(delivery.next_at))
            .bind(row::micros(delivery.last_at))
            .bind(delivery.last_status)
            .bind(delivery.last_error)
            .execute(&mut *change)
            .await?;
    }
    Ok(())
}

/// A due delivery. Ordered by its due time.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct DueDeliveryRow {
    next_at: i64,
    id: String,
    webhook: String,
}

fn due(row: &SqliteRow) -> sqlx::Result<DueDeliveryRow> {
    Ok(DueDeliveryRow { next_at: row.try_get("next_at")?, id: row.try_get("id")?, webhook: row.try_get("webhook")? })
}

/// Leases at most `limit` due deliveries for `ttl` each, except those of the webhooks in `but`.
pub(crate) async fn take(
    change: &mut SqliteConnection,
    limit: u32,
    ttl: Duration,
    but: &[WebhookId],
    now: Timestamp,
) -> sqlx::Result<Vec<DueDelivery>> {
    let mut open = first_due(change, limit, but, now).await?;
    let mut taken = Vec::new();
    for _ in 0..limit {
        let Some(DueDeliveryRow { next_at, id, webhook }) = open.pop_first() else { break };
        let next = sqlx::query(NEXT_DUE).bind(&webhook).bind(now.as_micros()).bind(next_at).bind(&id);
        open.extend(next.try_map(|row| due(&row)).fetch_optional(&mut *change).await?);
        let take = sqlx::query(TAKE).bind(now.plus(ttl).as_micros()).bind(&id).try_map(|row| delivery(&row));
        let delivery = take.fetch_one(&mut *change).await?;
        let webhook = sqlx::query(SECRETS).bind(now.as_micros()).bind(&webhook).try_map(|row: SqliteRow| {
            let secrets: [Option<String>; 2] = [row.try_get("secret")?, row.try_get("old_secret")?];
            let secrets = secrets.into_iter().flatten().map(WebhookSecret::new).collect();
            Ok((webhook_row::webhook(&row)?, secrets))
        });
        let (webhook, secrets) = webhook.fetch_one(&mut *change).await?;
        taken.push(DueDelivery { delivery, webhook, secrets });
    }
    Ok(taken)
}

/// The first due delivery of each webhook: the earliest `limit` of these, since more webhooks than that cannot get a
/// delivery.
async fn first_due(
    change: &mut SqliteConnection,
    limit: u32,
    but: &[WebhookId],
    now: Timestamp,
) -> sqlx::Result<BTreeSet<DueDeliveryRow>> {
    let but: Vec<String> = but.iter().map(ToString::to_string).collect();
    let mut firsts = BTreeSet::new();
    let mut rows = sqlx::query(DUE).bind(now.as_micros()).try_map(|row| due(&row)).fetch(change);
    while let Some(due) = rows.try_next().await? {
        if but.contains(&due.webhook) {
            continue;
        }
        firsts.insert(due);
        if firsts.len() > usize::try_from(limit).unwrap_or(usize::MAX) {
            firsts.pop_last();
        }
    }
    Ok(firsts)
}

/// Records the outcome of an attempt. Returns whether the webhook was disabled because of it.
pub(crate) async fn finish(
    change: &mut SqliteConnection,
    attempted: &AttemptOutcome,
    now: Timestamp,
) -> sqlx::Result<bool> {
    let under_way = sqlx::query(UNDER_WAY).bind(attempted.delivery.to_string()).bind(attempted.attempt);
    let under_way = under_way.try_map(|row| delivery(&row)).fetch_optional(&mut *change).await?;
    let Some(Delivery { webhook, .. }) = under_way else { return Ok(false) };
    let Some(mut webhook) = webhook_row::find(change, &attempted.tenant, webhook).await? else { return Ok(false) };
    let (status, next_at) = match (&attempted.error, attempted.next_at) {
        (None, _) => (DeliveryStatus::Delivered, None),
        (Some(_), None) => (DeliveryStatus::Failed, None),
        (Some(_), next_at) => (DeliveryStatus::Pending, next_at),
    };
    sqlx::query(NOTE)
        .bind(status.as_str())
        .bind(row::micros(next_at))
        .bind(attempted.at.as_micros())
        .bind(attempted.status)
        .bind(attempted.error.clone())
        .bind(attempted.delivery.to_string())
        .execute(&mut *change)
        .await?;
    match status {
        DeliveryStatus::Pending => return Ok(false),
        DeliveryStatus::Delivered => {
            let succeed = sqlx::query(SUCCEED).bind(attempted.at.as_micros()).bind(webhook.id.to_string());
            succeed.execute(change).await?;
            return Ok(false);
        }
        DeliveryStatus::Failed => webhook.exhausted += 1,
    }
    let dead = webhook.is_dead(now);
    if dead {
        webhook.enabled = false;
        webhook.disabled_at = Some(now);
    }
    webhook_row::write(change, &webhook).await?;
    Ok(dead)
}
