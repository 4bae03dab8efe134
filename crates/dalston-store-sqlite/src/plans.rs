//! Query plans of the statements: with a million rows, the cost of each must depend only on the size of its result.

use crate::{SqliteStore, audit, claims, feed, figures, keys, notes, notifier, tenants, tests::scratch, usage};
use sqlx::{AssertSqlSafe, Row};

/// Each statement, and the access paths that its plan must contain.
const STATEMENTS: &[(&str, &[&str])] = &[
    (keys::FIND_BY_DIGEST, &["key_secrets USING PRIMARY KEY", "keys USING INDEX sqlite_autoindex_keys_1"]),
    (keys::FIND, &["keys USING INDEX sqlite_autoindex_keys_1", "key_usage USING PRIMARY KEY"]),
    (keys::LIST, &["INDEX keys_by_age (tenant_id=? AND (created_at,id)<(?,?))", "key_usage USING PRIMARY KEY"]),
    (
        keys::LIST_UNREVOKED,
        &["INDEX keys_unrevoked_by_age (tenant_id=? AND (created_at,id)<(?,?))", "key_usage USING PRIMARY KEY"],
    ),
    (keys::OTHER_MANAGERS, &["INDEX keys_managing (tenant_id=?)"]),
    (keys::WRITE, &["INDEX sqlite_autoindex_keys_1 (id=?)"]),
    (keys::OVERLAPPING_UNTIL, &["INDEX key_secrets_by_key (key_id=?)"]),
    (keys::DROP_OVERLAPPING, &["INDEX key_secrets_by_key (key_id=?)"]),
    (keys::END_CURRENT, &["INDEX key_secrets_by_key (key_id=?)"]),
    (tenants::FIND, &["PRIMARY KEY (id=?)"]),
    (tenants::LIST, &["INDEX tenants_by_age ((created_at,id)<(?,?))"]),
    (usage::TAKEN, &["PRIMARY KEY (node=?)"]),
    (usage::ADD, &["SCAN delta VIRTUAL TABLE", "COVERING INDEX sqlite_autoindex_keys_1 (id=?)"]),
    (usage::ADD_DAYS, &["SCAN delta VIRTUAL TABLE", "COVERING INDEX sqlite_autoindex_keys_1 (id=?)"]),
    (usage::FIND, &["INDEX sqlite_autoindex_keys_1 (id=?)", "key_usage USING PRIMARY KEY"]),
    (usage::DAYS, &["PRIMARY KEY (key_id=? AND day>?)"]),
    (claims::FIND, &["INDEX sqlite_autoindex_claims_1 (scope=? AND key=?)"]),
    (claims::SWEEP, &["INTEGER PRIMARY KEY (rowid=?)", "COVERING INDEX claims_by_end (expires_at<?)"]),
    (feed::END, &["SEARCH sqlite_sequence", "INTEGER PRIMARY KEY (rowid<?)"]),
    (
        feed::CHANGED_AFTER,
        &["INTEGER PRIMARY KEY (rowid<?)", "INDEX keys_by_change (changed>?)", "INTEGER PRIMARY KEY (rowid=?)"],
    ),
    (notifier::LAST_CHANGED, &["COVERING INDEX keys_by_change"]),
    (feed::RECORDED_AFTER, &["INTEGER PRIMARY KEY (rowid>?)"]),
    (audit::OF_ALL.page, &["INTEGER PRIMARY KEY (rowid>? AND rowid<?)"]),
    (audit::OF_ALL.rest, &["INTEGER PRIMARY KEY (rowid<?)"]),
    (audit::BY_ACTION.page, &["INDEX audit_by_action (action=? AND rowid>? AND rowid<?)"]),
    (audit::BY_ACTION.rest, &["COVERING INDEX audit_by_action (action=? AND rowid<?)"]),
    (audit::BY_ACTOR.page, &["INDEX audit_by_actor (actor_kind=? AND actor_id=? AND rowid>? AND rowid<?)"]),
    (audit::BY_ACTOR.rest, &["COVERING INDEX audit_by_actor (actor_kind=? AND actor_id=? AND rowid<?)"]),
    (audit::OF_TENANT.page, &["INDEX audit_of_tenant (tenant_id=? AND rowid>? AND rowid<?)"]),
    (audit::OF_TENANT.rest, &["COVERING INDEX audit_of_tenant (tenant_id=? AND rowid<?)"]),
    (
        audit::OF_TENANT_BY_ACTION.page,
        &["audit_of_tenant_by_action (tenant_id=? AND action=? AND rowid>? AND rowid<?)"],
    ),
    (audit::OF_TENANT_BY_ACTION.rest, &["audit_of_tenant_by_action (tenant_id=? AND action=? AND rowid<?)"]),
    (audit::OF_TENANT_BY_ACTOR.page, &["(tenant_id=? AND actor_kind=? AND actor_id=? AND rowid>? AND rowid<?)"]),
    (audit::OF_TENANT_BY_ACTOR.rest, &["(tenant_id=? AND actor_kind=? AND actor_id=? AND rowid<?)"]),
    (notes::FIND, &["INDEX sqlite_autoindex_notes_1 (name=?)"]),
    (notes::TAKE, &["INDEX sqlite_autoindex_notes_1 (name=?)"]),
    (notes::SWEEP, &["INTEGER PRIMARY KEY (rowid=?)", "COVERING INDEX notes_by_end (lapses_at<?)"]),
    (
        figures::COUNT,
        &[
            "COVERING INDEX keys_by_state (tenant_id=? AND revoked_at=?)",
            "COVERING INDEX keys_by_state (tenant_id=? AND revoked_at>?)",
            "COVERING INDEX key_usage_by_last (last_used_at>?)",
        ],
    ),
];

#[tokio::test]
async fn no_statement_reads_a_whole_table_or_sorts() {
    let (_folder, store, _clock) = scratch().await;
    check(&store, STATEMENTS).await;
}

/// Asserts that each statement uses its access paths, and neither scans a whole table nor sorts.
pub(crate) async fn check(store: &SqliteStore, statements: &[(&str, &[&str])]) {
    for (statement, ways) in statements {
        let explain = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}")));
        let rows = explain.fetch_all(&store.readers).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        let slow = |step: &String| {
            // A recursive query reads one row per step.
            let leap = ["SCAN holder", "SCAN maker", "SCAN owner", "SCAN hearer"].contains(&step.as_str());
            let row = leap || step.starts_with("SCAN (subquery") || step == "SCAN CONSTANT ROW";
            let table = step.starts_with("SCAN") && !step.contains("VIRTUAL TABLE") && !row;
            table || step.contains("TEMP B-TREE")
        };
        assert!(!plan.iter().any(slow), "{statement}\n{plan:#?}");
        for way in *ways {
            assert!(plan.iter().any(|step| step.contains(way)), "{statement}\nnot {way}: {plan:#?}");
        }
    }
}
