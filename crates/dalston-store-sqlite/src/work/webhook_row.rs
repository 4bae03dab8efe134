//! Converts between webhook rows and the types of the model.

use crate::row;
use dalston_model::TenantId;
use dalston_work::{EventKind, Webhook, WebhookId};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

/// The columns that [`webhook`] reads.
macro_rules! webhook_columns {
    () => {
        "id, tenant_id, url, description, events, enabled, disabled_at, created_at, created_by, last_success_at, \
         exhausted"
    };
}
pub(crate) use webhook_columns;

pub(crate) const FIND: &str = concat!("SELECT ", webhook_columns!(), " FROM webhooks WHERE id = ? AND tenant_id = ?");

pub(crate) const PATCH: &str = "UPDATE webhooks SET url = ?, description = ?, events = ?, enabled = ?, \
     disabled_at = ?, exhausted = ? WHERE id = ?";

/// The webhook in a row.
pub(crate) fn webhook(row: &SqliteRow) -> sqlx::Result<Webhook> {
    let events = row.try_get::<&str, _>("events")?.split(',').filter(|name| !name.is_empty());
    let events: Result<Vec<EventKind>, _> = events.map(str::parse).collect();
    Ok(Webhook {
        id: row::parsed(row, "id")?,
        tenant: row::parsed(row, "tenant_id")?,
        url: row.try_get("url")?,
        description: row::parsed_if_any(row, "description")?,
        events: events.map_err(|why| crate::error::undecodable("events", why))?,
        enabled: row.try_get("enabled")?,
        disabled_at: row::time_if_any(row, "disabled_at")?,
        created_at: row::time(row, "created_at")?,
        created_by: row::parsed_if_any(row, "created_by")?,
        last_success_at: row::time_if_any(row, "last_success_at")?,
        exhausted: row.try_get("exhausted")?,
    })
}

/// The webhook's subscribed events, for their column.
pub(crate) fn events(webhook: &Webhook) -> String {
    webhook.events.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(",")
}

/// The webhook of this id in this tenant.
pub(crate) async fn find(
    change: &mut SqliteConnection,
    tenant: &TenantId,
    id: WebhookId,
) -> sqlx::Result<Option<Webhook>> {
    let find = sqlx::query(FIND).bind(id.to_string()).bind(tenant.as_str());
    find.try_map(|row| webhook(&row)).fetch_optional(change).await
}

/// Writes all changeable columns of a webhook except its last success.
pub(crate) async fn write(change: &mut SqliteConnection, webhook: &Webhook) -> sqlx::Result<()> {
    sqlx::query(PATCH)
        .bind(webhook.url.clone())
        .bind(super::text(webhook.description.as_ref()))
        .bind(events(webhook))
        .bind(webhook.enabled)
        .bind(row::micros(webhook.disabled_at))
        .bind(webhook.exhausted)
        .bind(webhook.id.to_string())
        .execute(change)
        .await?;
    Ok(())
}
