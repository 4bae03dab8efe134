//! A page of audit records, by the index that leads to the fewest of them.

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

/// The statements of one way to a page.
struct PagePlan {
    /// The records of the page.
    page: &'static str,
    /// Where those lie that are not looked at.
    rest: &'static str,
}

/// $1 tenant, $2 action, $3 and $4 actor, $5 before, $6 behind, $7 since, $8 until, $9 how many; of the rest, $6 is how
/// many are looked at. The columns lie between bounds, none is equal to a value: so no index but the one that has them
/// in this order gives the order of the page, whatever the planner thinks. What it does not answer is asked of each
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
    /// The way for a query. Of an actor and an action, the actor leads to fewer.
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

/// The page that is asked for.
pub(crate) async fn page(conn: &mut PgConnection, query: &AuditQuery) -> sqlx::Result<AuditPage> {
    let way = PagePlan::of(query);
    // An index that answers all of it leads to no record in vain.
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

/// Binds what both statements ask.
fn bind<'q>(statement: &'static str, query: &AuditQuery) -> Query<'q, Postgres, PgArguments> {
    sqlx::query(statement)
        .bind(query.tenant.as_ref().map(ToString::to_string))
        .bind(query.action.map(Action::as_str))
        .bind(query.actor.map(Actor::kind))
        .bind(query.actor.map(|actor| actor.id().unwrap_or_default()))
        .bind(query.before.map_or(i64::MAX, behind))
}
