//! Query plans of the statements on work.

use super::{fair_turns, jobs, meter, outbox, queue, queued, sessions, webhook_row, webhooks};
use crate::{plans::check, work::tests::scratch};

/// Each statement, and the access paths that its plan must contain.
const STATEMENTS: &[(&str, &[&str])] = &[
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
    (fair_turns::WAKE, &["INDEX jobs_waiting (due_at<?)"]),
    (
        fair_turns::READY,
        &[
            "INDEX jobs_ready",
            "INDEX jobs_ready (tenant_id>?)",
            "turns USING PRIMARY KEY (tenant_id=?)",
            "INDEX jobs_ready (tenant_id=?)",
            "COVERING INDEX jobs_by_status (tenant_id=? AND status=?)",
        ],
    ),
    (fair_turns::OLDEST, &["INDEX jobs_ready (tenant_id=?)"]),
    (fair_turns::LEASE, &["INDEX sqlite_autoindex_jobs_1 (id=?)"]),
    (fair_turns::LAST_TURN, &["COVERING INDEX turns_by_number"]),
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
            "retention USING PRIMARY KEY (tenant_id=?)",
        ],
    ),
    (meter::QUOTA, &["PRIMARY KEY (tenant_id=? AND key_id=?)"]),
    (meter::CLEAR, &["PRIMARY KEY (tenant_id=? AND key_id=?)"]),
    (meter::BINDING, &["PRIMARY KEY (tenant_id=? AND key_id=? AND kind=?)"]),
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
    (webhook_row::FIND, &["INDEX sqlite_autoindex_webhooks_1 (id=?)"]),
    (webhooks::LIST, &["INDEX webhooks_by_age (tenant_id=? AND (created_at,id)<(?,?))"]),
    (webhook_row::PATCH, &["INDEX sqlite_autoindex_webhooks_1 (id=?)"]),
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
    (jobs::CLEAR_RETENTION, &["PRIMARY KEY (tenant_id=?)"]),
    (jobs::RETENTION, &["SCAN asked VIRTUAL TABLE", "retention USING PRIMARY KEY (tenant_id=?)"]),
];

#[tokio::test]
async fn no_statement_reads_a_whole_table_or_sorts() {
    let (_folder, store, _clock) = scratch().await;
    check(&store, STATEMENTS).await;
}
