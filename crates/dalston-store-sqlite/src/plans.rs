//! How SQLite runs the statements: with a million rows, each of them must cost no more than what it answers.

use crate::{
    audit, claims, feed, figures, jobs, keys, meter, notes, outbox, queue, queued, sessions, tenants, tests::scratch,
    turns, usage, wakes, webhooks,
};
use sqlx::{AssertSqlSafe, Row};

/// Each statement, and the ways in that it must take.
const STATEMENTS: &[(&str, &[&str])] = &[
    (keys::FIND_BY_DIGEST, &["key_secrets USING PRIMARY KEY", "keys USING INDEX sqlite_autoindex_keys_1"]),
    (keys::FIND, &["keys USING INDEX sqlite_autoindex_keys_1", "key_usage USING PRIMARY KEY"]),
    (keys::LIST, &["INDEX keys_by_age (tenant_id=? AND (created_at,id)<(?,?))", "key_usage USING PRIMARY KEY"]),
    (
        keys::LIST_UNREVOKED,
        &["INDEX keys_unrevoked_by_age (tenant_id=? AND (created_at,id)<(?,?))", "key_usage USING PRIMARY KEY"],
    ),
    (keys::OTHER_MANAGERS, &["INDEX keys_managing (tenant_id=?)"]),
    (keys::PATCH, &["INDEX sqlite_autoindex_keys_1 (id=?)"]),
    (keys::SET_PREFIX, &["INDEX sqlite_autoindex_keys_1 (id=?)"]),
    (keys::SET_REVOKED, &["INDEX sqlite_autoindex_keys_1 (id=?)"]),
    (keys::OVERLAPPING_UNTIL, &["INDEX key_secrets_by_key (key_id=?)"]),
    (keys::DROP_OVERLAPPING, &["INDEX key_secrets_by_key (key_id=?)"]),
    (keys::END_CURRENT, &["INDEX key_secrets_by_key (key_id=?)"]),
    (tenants::FIND, &["PRIMARY KEY (id=?)"]),
    (tenants::LIST, &["INDEX tenants_by_age ((created_at,id)<(?,?))"]),
    (jobs::FIND, &["INDEX sqlite_autoindex_jobs_1 (id=?)"]),
    (jobs::EXISTS, &["COVERING INDEX sqlite_autoindex_jobs_1 (id=?)"]),
    (jobs::LIST, &["INDEX jobs_by_age (tenant_id=? AND (created_at,id)<(?,?))"]),
    (jobs::LIST_OF_STATUS, &["INDEX jobs_by_status (tenant_id=? AND status=? AND (created_at,id)<(?,?))"]),
    (jobs::COUNT, &["COVERING INDEX jobs_by_status (tenant_id=? AND status=?)"]),
    (jobs::STATUS, &["INDEX sqlite_autoindex_jobs_1 (id=?)"]),
    (jobs::COUNT_OF_TENANT, &["COVERING INDEX jobs_by_status (tenant_id=? AND status=?)"]),
    (jobs::COUNT_OF_KEY, &["INDEX jobs_unended (created_by=?)"]),
    (jobs::FIND_QUEUED, &["INDEX sqlite_autoindex_jobs_1 (id=?)"]),
    (jobs::STOP, &["INDEX sqlite_autoindex_jobs_1 (id=?)"]),
    (jobs::DELETE, &["INDEX sqlite_autoindex_jobs_1 (id=?)"]),
    (queued::WRITE, &["INDEX sqlite_autoindex_jobs_1 (id=?)"]),
    (turns::WAKE, &["INDEX jobs_waiting (due_at<?)"]),
    (
        turns::READY,
        &[
            "INDEX jobs_ready",
            "INDEX jobs_ready (tenant_id>?)",
            "tenants USING PRIMARY KEY (id=?)",
            "INDEX jobs_ready (tenant_id=?)",
            "COVERING INDEX jobs_by_status (tenant_id=? AND status=?)",
        ],
    ),
    (turns::OLDEST, &["INDEX jobs_ready (tenant_id=?)"]),
    (turns::LEASE, &["INDEX sqlite_autoindex_jobs_1 (id=?)"]),
    (turns::LAST_TURN, &["COVERING INDEX tenants_by_turn"]),
    (turns::SERVE, &["PRIMARY KEY (id=?)"]),
    (queue::BEAT, &["SCAN beat VIRTUAL TABLE", "INDEX sqlite_autoindex_jobs_1 (id=?)"]),
    (queue::HELD, &["INDEX sqlite_autoindex_jobs_1 (id=?)"]),
    (queue::LAPSED, &["INDEX jobs_leased (lease_ends<?)"]),
    (
        queue::ORPHANS,
        &[
            "INDEX jobs_unended (created_by>?)",
            "INDEX jobs_unended (created_by=?)",
            "keys USING INDEX sqlite_autoindex_keys_1 (id=?)",
        ],
    ),
    (
        queue::EXPIRED,
        &[
            "INDEX jobs_ended (tenant_id>?)",
            "INDEX jobs_ended (tenant_id=? AND completed_at<?)",
            "tenants USING PRIMARY KEY (id=?)",
        ],
    ),
    (meter::QUOTA, &["PRIMARY KEY (tenant_id=? AND key_id=?)"]),
    (meter::BINDING, &["PRIMARY KEY (tenant_id=? AND key_id=?)"]),
    (meter::IS_SUBJECT, &["PRIMARY KEY (id=?)", "INDEX sqlite_autoindex_keys_1 (id=?)"]),
    (meter::USED, &["PRIMARY KEY (tenant_id=? AND key_id=? AND day=?)"]),
    (meter::DAYS, &["PRIMARY KEY (tenant_id=? AND key_id=? AND day>?)"]),
    (sessions::FIND_WORKER, &["INDEX sqlite_autoindex_workers_1 (id=?)"]),
    (sessions::REMOVE_WORKER, &["INDEX sqlite_autoindex_workers_1 (id=?)"]),
    (
        sessions::WORKERS,
        &["INDEX workers_by_end (lapses_at>?)", "COVERING INDEX sessions_of_worker (worker_id=? AND lapses_at>?)"],
    ),
    (sessions::RENEW, &["INDEX sqlite_autoindex_sessions_1 (id=?)"]),
    (sessions::CLOSE, &["INDEX sqlite_autoindex_sessions_1 (id=?)"]),
    (sessions::COUNT, &["COVERING INDEX sessions_of_tenant (tenant_id=? AND lapses_at>?)"]),
    (sessions::COUNT_OF_TENANT, &["COVERING INDEX sessions_of_tenant (tenant_id=? AND lapses_at>?)"]),
    (sessions::COUNT_OF_KEY, &["COVERING INDEX sessions_of_key (key_id=? AND lapses_at>?)"]),
    (sessions::SWEEP, &["INTEGER PRIMARY KEY (rowid=?)", "COVERING INDEX sessions_by_end (lapses_at<?)"]),
    (sessions::SWEEP_WORKERS, &["INTEGER PRIMARY KEY (rowid=?)", "COVERING INDEX workers_by_end (lapses_at<?)"]),
    (webhooks::COUNT, &["COVERING INDEX webhooks_by_age (tenant_id=?)"]),
    (webhooks::FIND, &["INDEX sqlite_autoindex_webhooks_1 (id=?)"]),
    (webhooks::LIST, &["INDEX webhooks_by_age (tenant_id=? AND (created_at,id)<(?,?))"]),
    (webhooks::PATCH, &["INDEX sqlite_autoindex_webhooks_1 (id=?)"]),
    (webhooks::OVERLAPPING_UNTIL, &["INDEX sqlite_autoindex_webhooks_1 (id=?)"]),
    (webhooks::ROTATE, &["INDEX sqlite_autoindex_webhooks_1 (id=?)"]),
    (webhooks::DELETE, &["INDEX sqlite_autoindex_webhooks_1 (id=?)"]),
    (outbox::HEARING, &["INDEX webhooks_by_age (tenant_id=?)"]),
    (
        outbox::DUE,
        &[
            "COVERING INDEX deliveries_due (webhook_id>?)",
            "webhooks USING INDEX sqlite_autoindex_webhooks_1 (id=?)",
            "COVERING INDEX deliveries_due (webhook_id=? AND next_at<?)",
        ],
    ),
    (outbox::NEXT_DUE, &["COVERING INDEX deliveries_due (webhook_id=? AND (next_at,id)>(?,?) AND next_at<?)"]),
    (outbox::TAKE, &["INDEX sqlite_autoindex_deliveries_1 (id=?)"]),
    (outbox::SECRETS, &["INDEX sqlite_autoindex_webhooks_1 (id=?)"]),
    (outbox::UNDER_WAY, &["INDEX sqlite_autoindex_deliveries_1 (id=?)"]),
    (outbox::NOTE, &["INDEX sqlite_autoindex_deliveries_1 (id=?)"]),
    (outbox::SUCCEED, &["INDEX sqlite_autoindex_webhooks_1 (id=?)"]),
    (outbox::LIST, &["INDEX deliveries_by_age (webhook_id=? AND (created_at,id)<(?,?))"]),
    (outbox::RETRY, &["INDEX sqlite_autoindex_deliveries_1 (id=?)"]),
    (outbox::DELETE_ALL, &["INDEX deliveries_by_age (webhook_id=?)"]),
    (outbox::SWEEP, &["INTEGER PRIMARY KEY (rowid=?)", "INDEX deliveries_ended (created_at<?)"]),
    (tenants::SET_RETENTION, &["PRIMARY KEY (id=?)"]),
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
    (wakes::LAST_CHANGED, &["COVERING INDEX keys_by_change"]),
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
    for (statement, ways) in STATEMENTS {
        let explain = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}")));
        let rows = explain.fetch_all(&store.readers).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        let slow = |step: &String| {
            // A recursion is a row at a time.
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
