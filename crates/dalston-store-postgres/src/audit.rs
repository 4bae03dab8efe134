//! A page of audit records, read by the most selective index.

use crate::{
    pg_timestamp::PgTimestamp,
    record::behind,
    row::{self, audit_columns},
};
use dalston_model::{Action, Actor};
use dalston_store::{AuditPage, AuditQuery};
use sqlx::{
    PgConnection, Postgres, Row,
    postgres::{PgArguments, PgRow},
    query::Query,
};

/// The two statements of a page by one index.
struct PagePlan {
    /// Reads the records of the page.
    page: &'static str,
    /// Finds the first record beyond the number of records that may be scanned.
    rest: &'static str,
}

/// $1 tenant, $2 action, $3 and $4 actor, $5 before, $6 after, $7 since, $8 until, $9 limit. In `rest`, $6 is the
/// number of records that may be scanned.
///
/// The columns are compared by row bounds, never by equality. So only the index with these columns in this order yields
/// the order of the page, whatever the planner estimates. Conditions that the index does not cover are checked on each
/// record.
macro_rules! way {
    ($($column:literal = $value:literal),*) => {
        PagePlan {
            page: concat!(
                "SELECT ", audit_columns!(), " FROM audit WHERE (", $($column, ", ",)* "seq) < (", $($value, ", ",)*
                "$5) AND (", $($column, ", ",)* "seq) > (", $($value, ", ",)* "$6) AND ($2 IS NULL OR action = $2) \
                 AND ($3 IS NULL OR actor_kind = $3 AND coalesce(actor_id, '') = $4) \
                 AND ($7 IS NULL OR time >= $7) AND ($8 IS NULL OR time < $8) ORDER BY ", $($column, " DESC, ",)*
                "seq DESC LIMIT $9"
            ),
            rest: concat!(
                "SELECT seq FROM audit WHERE (", $($column, ", ",)* "seq) < (", $($value, ", ",)* "$5) AND (",
                $($column, ", ",)* "seq) > (", $($value, ", ",)* "0) ORDER BY ", $($column, " DESC, ",)*
                "seq DESC OFFSET $6 LIMIT 1"
            ),
        }
    };
}

const OF_ALL: PagePlan = way!();
const BY_ACTION: PagePlan = way!("action" = "$2");
const BY_ACTOR: PagePlan = way!("actor_kind" = "$3", "coalesce(actor_id, '')" = "$4");
const OF_TENANT: PagePlan = way!("tenant_id" = "$1");
const OF_TENANT_BY_ACTION: PagePlan = way!("tenant_id" = "$1", "action" = "$2");
const OF_TENANT_BY_ACTOR: PagePlan = way!("tenant_id" = "$1", "actor_kind" = "$3", "coalesce(actor_id, '')" = "$4");

impl PagePlan {
    /// Chooses the plan for a query. For an actor and an action, it uses the actor, which is more selective.
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

/// Reads the requested page.
pub(crate) async fn page(conn: &mut PgConnection, query: &AuditQuery) -> sqlx::Result<AuditPage> {
    let way = PagePlan::of(query);
    // An index that covers all conditions yields matching records only, so the scan needs no bound.
    let exact = query.since.is_none() && query.until.is_none() && (query.actor.is_none() || query.action.is_none());
    let rest: Option<i64> = if exact {
        None
    } else {
        let rest = bind(way.rest, query).bind(i64::from(AuditQuery::REACH));
        rest.try_map(|row: PgRow| row.try_get("seq")).fetch_optional(&mut *conn).await?
    };
    let page = bind(way.page, query)
        .bind(rest.unwrap_or(0))
        .bind(query.since.map(PgTimestamp))
        .bind(query.until.map(PgTimestamp))
        .bind(i64::from(query.limit) + 1);
    let records = page.try_map(|row| row::audit(&row)).fetch_all(conn).await?;
    Ok(AuditPage::cut(records, query.limit, rest.map(|seq| seq.cast_unsigned() + 1)))
}

/// Binds the parameters that both statements have in common.
fn bind<'q>(statement: &'static str, query: &AuditQuery) -> Query<'q, Postgres, PgArguments> {
    sqlx::query(statement)
        .bind(query.tenant.as_ref().map(ToString::to_string))
        .bind(query.action.map(Action::as_str))
        .bind(query.actor.map(Actor::kind))
        .bind(query.actor.map(|actor| actor.id().unwrap_or_default()))
        .bind(query.before.map_or(i64::MAX, behind))
}
