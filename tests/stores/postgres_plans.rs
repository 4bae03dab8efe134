//! Lists read the rows of their page and no others. The server itself tells: `auto_explain` sends the plan of every
//! statement as a notice, which sqlx logs.

use dalston_model::{
    Actor, Clock, Cursor, Day, KeyAction, PageLimit, PageRequest, Start, SystemClock, TenantId, Timestamp,
};
use dalston_store::{AuditQuery, Checkpoint, FeedStore, KeyStore, TenantStore};
use dalston_store_postgres::{PostgresOptions, PostgresStore};
use dalston_work::{
    JobLeaseRequest, JobStatus, JobStore, MeterStore, QueueStore, QuotaOwner, SessionStore, WebhookStore,
};
use kit::{patience::PATIENCE, servers::postgres_url};
use sqlx::{Connection, PgConnection};
use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

/// Thousands of rows in two tenants: a third of the keys revoked, most of the jobs completed.
const ROWS: &str = "
    INSERT INTO tenants SELECT 't' || n, NULL, now() - n * interval '1 s' FROM generate_series(1, 3000) AS n;
    INSERT INTO keys (id, tenant_id, enabled, created_at, revoked_at, rest, manages, changed)
        SELECT gen_random_uuid(), (array['default', 't1'])[1 + n % 2], true, now() - n * interval '1 s',
        CASE WHEN n % 3 = 0 THEN now() END, '{\"prefix\": \"dk_1234567\", \"name\": \"name\", \"scopes\": [\"jobs:read\"]}',
        false, n FROM generate_series(1, 6000) AS n;
    INSERT INTO key_usage SELECT id, 1, 0, 0, now(), NULL FROM keys;
    INSERT INTO jobs SELECT gen_random_uuid(), (array['default', 't1'])[1 + n % 2],
        coalesce((array['pending', 'running', 'failed', 'cancelled'])[n / 2 % 10], 'completed'), NULL, NULL, 1,
        '{\"format\": \"wav\"}', NULL, NULL, '{}', now() - n * interval '1 s', NULL, NULL, NULL, NULL, NULL
        FROM generate_series(1, 6000) AS n;
    INSERT INTO audit SELECT n, now(), 'default', 'master', NULL, 'http', 'key.created', 'key', '', NULL, NULL, '{}'
        FROM generate_series(1, 6000) AS n;
    INSERT INTO webhooks SELECT gen_random_uuid(), (array['default', 't1'])[1 + n % 2], 'https://example.com', NULL,
        '{}', true, NULL, now() - n * interval '1 s', NULL, NULL, 0, 'whsec_'
        FROM generate_series(1, 3000) AS n;
    INSERT INTO deliveries SELECT gen_random_uuid(), id, 'transcription.failed', '{}', created_at,
        (array['pending', 'failed'])[1 + (n > 1)::integer], 0, CASE WHEN n = 1 THEN created_at END
        FROM (SELECT id, created_at FROM webhooks ORDER BY created_at DESC LIMIT 30) AS webhooks,
        generate_series(1, 300) AS n;
    INSERT INTO sessions SELECT gen_random_uuid(), 't' || n % 100, NULL, 'w', now() + interval '1 h'
        FROM generate_series(1, 6000) AS n;
    INSERT INTO meter SELECT 't' || n % 100, gen_random_uuid(), n, 1, 0 FROM generate_series(1, 6000) AS n;
    ANALYZE";

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Takes what was logged up to here.
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn lists_use_their_indexes(plan_cache_mode: &str) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let url = postgres_url().await;
    let settings = [
        "session_preload_libraries=auto_explain",
        "auto_explain.log_min_duration=0",
        "auto_explain.log_level=notice",
        &format!("plan_cache_mode={plan_cache_mode}"),
    ];
    let url = format!("{url}?options=-c%20{}", settings.join("%20-c%20"));
    let options = PostgresOptions { url: url.clone(), deadline: PATIENCE, connections: 1 };
    let store = PostgresStore::connect_with_work(&options, None).await.unwrap();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(ROWS).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();

    let expect = |index: &str| {
        let plan = log.take();
        let scans = ["", " Backward"].map(|way| format!("Index Scan{way} using {index} on"));
        assert!(scans.iter().any(|scan| plan.contains(scan)), "{index}: {plan}");
        assert!(!plan.contains("Sort") && !plan.contains("Seq Scan"), "{plan}");
    };
    let expect_of = |table: &str, index: &str| {
        let plan = log.take();
        assert!([" using ", " Scan on "].iter().any(|by| plan.contains(&format!("{by}{index}"))), "{index}: {plan}");
        assert!(!plan.contains(&format!("Seq Scan on {table}")), "{table}: {plan}");
    };
    let tenant = TenantId::default();
    let middle = Timestamp::from_micros(i64::MAX / 32);
    let cursor = Cursor { created_at: middle, id: "550e8400-e29b-41d4-a716-446655440000".to_owned() };
    for start in [Start::Newest, Start::After(cursor), Start::Offset(50)] {
        let page = PageRequest { limit: PageLimit::default(), start };
        log.take();
        store.keys(&tenant, &page, false).await.unwrap();
        expect("keys_unrevoked");
        store.keys(&tenant, &page, true).await.unwrap();
        expect("keys_newest");
        store.jobs(&tenant, &page, None).await.unwrap();
        expect("jobs_newest");
        store.jobs(&tenant, &page, Some(JobStatus::Failed)).await.unwrap();
        expect("jobs_newest_of_status");
        store.tenants(&page).await.unwrap();
        expect("tenants_newest");
    }
    let hook = store.webhooks(&tenant, &PageRequest::default()).await.unwrap().items.remove(0).id;
    expect("webhooks_newest");
    store.deliveries(&tenant, hook, &PageRequest::default()).await.unwrap();
    expect("deliveries_newest");
    // The first call of each lot takes what there is.
    let now = SystemClock.now();
    for limit in [1, 2] {
        let ask = JobLeaseRequest { limit, per_tenant: 1_000, but: Vec::new(), ttl: Duration::from_secs(9) };
        assert_eq!(store.lease_jobs(&ask).await.unwrap().len(), usize::try_from(limit).unwrap());
        expect_of("jobs", "jobs_pending");
        store.reclaim_jobs(3, "it", now, limit).await.unwrap();
        expect_of("jobs", "jobs_leased");
        store.cancel_orphans(now, limit).await.unwrap();
        expect_of("jobs", "jobs_open_by_maker");
        store.expired_jobs(Some(1), now, limit).await.unwrap();
        expect_of("jobs", "jobs_ended");
        assert_eq!(
            store.take_deliveries(limit, Duration::from_secs(9), &[]).await.unwrap().len(),
            usize::try_from(limit).unwrap()
        );
        expect_of("deliveries", "deliveries_due");
        store.sweep_deliveries(middle, limit).await.unwrap();
        expect_of("deliveries", "deliveries_ended");
        store.session_count(&tenant).await.unwrap();
        expect_of("sessions", "sessions_of_tenant");
        store.metered(&QuotaOwner::Tenant(tenant.clone()), Day::of(now)).await.unwrap();
        expect_of("meter", "meter_pkey");
    }
    for (table, index) in [("keys", "keys_changed_key"), ("audit", "audit_pkey")] {
        store.key_changes(&Checkpoint { seq: 5_500, link: None }, 100).await.unwrap();
        expect_of(table, index);
    }
    store.audit_after(5_500, 100).await.unwrap();
    expect("audit_pkey");

    let (tenant, actor, action) = (Some(tenant), Some(Actor::Master), Some(KeyAction::KEY_CREATED));
    let all = AuditQuery { limit: 50, ..AuditQuery::default() };
    let ways = [
        (all.clone(), "audit_pkey"),
        (AuditQuery { action, ..all.clone() }, "audit_by_action"),
        (AuditQuery { actor, ..all.clone() }, "audit_by_actor"),
        (AuditQuery { tenant: tenant.clone(), ..all.clone() }, "audit_of_tenant"),
        (AuditQuery { tenant: tenant.clone(), action, ..all.clone() }, "audit_of_tenant_by_action"),
        (AuditQuery { tenant: tenant.clone(), actor, ..all }, "audit_of_tenant_by_actor"),
    ];
    for (query, index) in ways {
        for (since, before) in [(None, None), (None, Some(3_000)), (Some(middle), Some(3_000))] {
            log.take();
            store.audit(&AuditQuery { since, before, ..query.clone() }).await.unwrap();
            expect(index);
        }
    }
}

#[tokio::test]
async fn lists_use_their_indexes_when_planned_for_the_values() {
    lists_use_their_indexes("force_custom_plan").await;
}

#[tokio::test]
async fn lists_use_their_indexes_when_planned_once_for_all() {
    lists_use_their_indexes("force_generic_plan").await;
}
