//! Pages of audit records, each by the most selective index.

use crate::row::{self, audit_columns};
use dalston_model::{Action, Actor, Timestamp};
use dalston_store::{AuditPage, AuditQuery};
use sqlx::{
    Row, Sqlite, SqlitePool,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};

/// The two statements of one query plan for a page.
pub(crate) struct PagePlan {
    /// Selects the records of the page.
    pub(crate) page: &'static str,
    /// Selects the first record that is beyond the scan limit.
    pub(crate) rest: &'static str,
}

/// ?1 tenant, ?2 action, ?3 and ?4 actor, ?5 before, ?6 after, ?7 since, ?8 until, ?9 limit. In `rest`, ?6 is the
/// number of records to scan. Conditions that the index does not cover are checked on each record.
macro_rules! way {
    ($table:literal, $where:literal) => {
        PagePlan {
            page: concat!(
                "SELECT ",
                audit_columns!(),
                " FROM ",
                $table,
                " WHERE ",
                $where,
                "seq < ?5 AND seq > ?6 AND (?2 IS NULL OR action = ?2) ",
                "AND (?3 IS NULL OR actor_kind = ?3 AND actor_id IS ?4) ",
                "AND (?7 IS NULL OR time >= ?7) AND (?8 IS NULL OR time < ?8) ORDER BY seq DESC LIMIT ?9"
            ),
            rest: concat!(
                "SELECT seq FROM ",
                $table,
                " WHERE ",
                $where,
                "seq < ?5 ORDER BY seq DESC LIMIT 1 OFFSET ?6"
            ),
        }
    };
}

pub(crate) const OF_ALL: PagePlan = way!("audit NOT INDEXED", "");
pub(crate) const BY_ACTION: PagePlan = way!("audit INDEXED BY audit_by_action", "action = ?2 AND ");
pub(crate) const BY_ACTOR: PagePlan =
    way!("audit INDEXED BY audit_by_actor", "actor_kind = ?3 AND actor_id IS ?4 AND ");
pub(crate) const OF_TENANT: PagePlan = way!("audit INDEXED BY audit_of_tenant", "tenant_id = ?1 AND ");
pub(crate) const OF_TENANT_BY_ACTION: PagePlan =
    way!("audit INDEXED BY audit_of_tenant_by_action", "tenant_id = ?1 AND action = ?2 AND ");
pub(crate) const OF_TENANT_BY_ACTOR: PagePlan =
    way!("audit INDEXED BY audit_of_tenant_by_actor", "tenant_id = ?1 AND actor_kind = ?3 AND actor_id IS ?4 AND ");

impl PagePlan {
    /// The plan for a query. If it names an actor and an action, the index by actor is used: it is more selective.
    fn of(query: &AuditQuery) -> Self {
        match (&query.tenant, query.actor, query.action) {
            (None, None, None) => OF_ALL,
            (None, None, Some(_)) => BY_ACTION,
            (None, Some(_), _) => BY_ACTOR,
            (Some(_), None, None) => OF_TENANT,
            (Some(_), None, Some(_)) => OF_TENANT_BY_ACTION,
            (Some(_), Some(_), _) => OF_TENANT_BY_ACTOR,
        }
    }
}

/// Returns the page that the query asks for.
pub(crate) async fn page(readers: &SqlitePool, query: &AuditQuery) -> sqlx::Result<AuditPage> {
    let way = PagePlan::of(query);
    // Both statements need the same snapshot.
    let mut moment = readers.begin().await?;
    // If the index covers the whole query, no record is scanned in vain, so no scan limit is needed.
    let exact = query.since.is_none() && query.until.is_none() && (query.actor.is_none() || query.action.is_none());
    let rest: Option<i64> = if exact {
        None
    } else {
        let rest = bind(way.rest, query).bind(AuditQuery::REACH);
        rest.try_map(|row: SqliteRow| row.try_get("seq")).fetch_optional(&mut *moment).await?
    };
    let page = bind(way.page, query)
        .bind(rest.unwrap_or(0))
        .bind(query.since.map(Timestamp::as_micros))
        .bind(query.until.map(Timestamp::as_micros))
        .bind(i64::from(query.limit) + 1);
    let records = page.try_map(|row| row::audit_record(&row)).fetch_all(&mut *moment).await?;
    Ok(AuditPage::cut(records, query.limit, rest.map(|seq| seq.cast_unsigned() + 1)))
}

/// Binds the parameters that both statements share.
fn bind<'q>(statement: &'static str, query: &AuditQuery) -> Query<'q, Sqlite, SqliteArguments> {
    sqlx::query(statement)
        .bind(query.tenant.as_ref().map(ToString::to_string))
        .bind(query.action.map(Action::as_str))
        .bind(query.actor.map(Actor::kind))
        .bind(query.actor.and_then(Actor::id))
        .bind(query.before.map_or(i64::MAX, row::count))
}
