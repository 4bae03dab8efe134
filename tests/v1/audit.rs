//! `GET /v1/audit` and the chain of its records.

use dalston_model::{AuditHash, AuditRecord, KeyAction, ManualClock, Timestamp};
use dalston_store_postgres::{PostgresOptions, PostgresStore};
use dalston_store_sqlite::{SqliteOptions, SqliteStore};
use dalston_work::contract::WorkFixture;
use kit::{
    app::{App, MASTER, Start},
    client::{Answer, Client},
    patience::{PATIENCE, eventually},
    servers::postgres_url,
    stores,
};
use serde_json::{Value, json};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, sqlite::SqliteConnectOptions};
use std::{sync::Arc, time::Duration};

/// The records that an answer holds, of what a key or an operator did to keys.
async fn records(client: &Client, query: &str) -> Vec<Value> {
    let answer = client.get(&format!("/v1/audit{query}")).await.expect(200);
    answer.json.as_array().unwrap().clone()
}

fn texts<'a>(records: &'a [Value], path: &str) -> Vec<&'a str> {
    records.iter().map(|record| record.pointer(path).unwrap().as_str().unwrap()).collect()
}

#[tokio::test]
async fn every_change_says_who_made_it_through_which_door_from_where_and_in_which_request() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let headers = [("x-request-id", "the-request")];
    let made = admin.post_with("/auth/keys", json!({"name": "made"}), &headers).await.expect(201);
    made.secret();
    let [record, ..] = &records(&admin, "?limit=1").await[..] else { panic!("no record") };
    let keys: Vec<&String> = record.as_object().unwrap().keys().collect();
    let fields = ["seq", "time", "tenant_id", "actor", "door", "action", "target", "address", "request_id"];
    assert_eq!(keys, [&fields[..], &["detail", "hash"]].concat());
    assert_eq!(record["actor"], json!({"kind": "key", "id": admin.id.unwrap().to_string()}));
    assert_eq!(record["target"], json!({"kind": "key", "id": made.json["id"]}));
    assert_eq!(
        (&record["door"], &record["action"], &record["address"], &record["request_id"], &record["tenant_id"]),
        (&json!("http"), &json!("key.created"), &json!("127.0.0.1"), &json!("the-request"), &json!("default")),
        "LOG-03"
    );
    assert!(!record.to_string().contains(&made.secret()), "KEY-03");
}

#[tokio::test]
async fn an_admin_sees_its_own_tenant_and_a_platform_caller_sees_all() {
    let app = App::start().await;
    let ours = app.key("admin").await;
    let theirs = app.key_of("acme", "admin", |ask| ask).await;
    let tenants = |records: Vec<Value>| {
        let mut tenants: Vec<String> = texts(&records, "/tenant_id").into_iter().map(str::to_owned).collect();
        tenants.sort();
        tenants.dedup();
        tenants
    };
    assert_eq!(tenants(records(&ours, "").await), ["default"], "TEN-01");
    assert_eq!(tenants(records(&theirs, "").await), ["acme"], "TEN-01");
    assert_eq!(tenants(records(&app.key("platform").await, "").await), ["acme", "default"]);
    app.key("jobs:read").await.get("/v1/audit").await.expect(403);
}

#[tokio::test]
async fn records_are_found_by_actor_action_and_time_a_page_at_a_time() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let (from, id) = (app.clock_now(), admin.id.unwrap());
    for number in 0..5 {
        app.clock.advance(Duration::from_secs(1));
        admin.post("/auth/keys", json!({"name": format!("key {number}")})).await.expect(201).secret();
    }
    let last = app.key("webhooks").await.id.unwrap();
    admin.delete(&format!("/auth/keys/{last}")).await.expect(200);

    let by_admin = records(&admin, &format!("?actor={id}")).await;
    assert_eq!(texts(&by_admin, "/action"), [&["key.revoked"][..], &["key.created"; 5]].concat());
    assert_eq!(records(&admin, "?action=key.revoked").await, by_admin[..1]);
    assert_eq!(records(&admin, &format!("?actor={id}&action=key.created")).await, by_admin[1..]);
    assert!(texts(&records(&admin, "?actor=operator").await, "/actor/kind").iter().all(|kind| *kind == "operator"));
    let window = format!("?actor={id}&since={}&until={}", stamp(from, 2), stamp(from, 4));
    assert_eq!(records(&admin, &window).await, by_admin[3..5], "since counts, until does not");

    let mut paged = Vec::new();
    let mut path = format!("/v1/audit?actor={id}&limit=4");
    loop {
        let page: Answer = admin.get(&path).await.expect(200);
        paged.extend(page.json.as_array().unwrap().clone());
        let Some(next) = page.next() else { break };
        path = next.to_owned();
    }
    assert_eq!(paged, by_admin, "LIST-01");
    for wrong in ["actor=nobody", "action=made.up", "since=yesterday", "limit=0", "tenant_id=acme"] {
        admin.get(&format!("/v1/audit?{wrong}")).await.expect(422);
    }
    admin.get("/v1/audit?cursor=no").await.expect(400);
}

fn stamp(from: dalston_model::Timestamp, seconds: u64) -> String {
    from.plus(Duration::from_secs(seconds)).to_string()
}

#[tokio::test]
async fn each_use_of_the_master_key_leaves_a_record() {
    let app = App::start().await;
    app.key_of("acme", "jobs:read", |ask| ask).await;
    app.master().get_with("/auth/keys?limit=5", &[("x-dalston-tenant", "acme")]).await.expect(200);
    app.master().get("/auth/keys/nothing").await.expect(404);
    app.master().get_with("/status", &[("x-dalston-tenant", "nobody")]).await.expect(404);
    let uses = records(&app.key("platform").await, "?actor=master").await;
    assert_eq!(texts(&uses, "/action"), ["master.used"; 3], "SEC-02");
    assert_eq!(texts(&uses, "/tenant_id"), ["nobody", "default", "acme"]);
    assert_eq!(uses[2]["detail"], json!({"method": "GET", "route": "/auth/keys"}));
    assert_eq!(uses[1]["detail"], json!({"method": "GET", "route": "/auth/keys/{key_id}"}));
    assert!(uses.iter().all(|it| it["address"] == "127.0.0.1" && !it.to_string().contains(MASTER)));
}

#[tokio::test]
async fn the_chain_is_followed_from_its_beginning_to_its_head() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let before = admin.get("/v1/audit/verify").await.expect(200).json;
    assert_eq!(before["status"], "intact");
    admin.post("/auth/keys", json!({"name": "made"})).await.expect(201).secret();
    let after = admin.get("/v1/audit/verify").await.expect(200).json;
    assert_eq!(after["checked"].as_u64(), before["checked"].as_u64().map(|count| count + 1));
    assert_eq!((&after["first_seq"], &after["broken_at"]), (&json!(1), &Value::Null));
    let head = after["head"].as_str().unwrap();
    let newest = &records(&admin, "?limit=1").await[0];
    assert_eq!(head, format!("{}:{}", newest["seq"], newest["hash"].as_str().unwrap()));

    let known = admin.get(&format!("/v1/audit/verify?head={head}")).await.expect(200);
    assert_eq!(known.json["status"], "intact");
    // A head that never was: whoever noted it down saw records that are gone.
    let (seq, hash) = head.split_once(':').unwrap();
    let later = seq.parse::<u64>().unwrap() + 1;
    for gone in [format!("{later}:{hash}"), format!("{seq}:{}", "0".repeat(64))] {
        let answer = admin.get(&format!("/v1/audit/verify?head={gone}")).await.expect(200);
        assert_eq!(answer.json["status"], "broken", "{gone}");
    }
    admin.get("/v1/audit/verify?head=nonsense").await.expect(422);
}

#[tokio::test]
async fn who_verifies_the_log_learns_of_the_own_tenants_records_only() {
    let data = tempfile::TempDir::new().unwrap();
    let options = SqliteOptions { path: data.path().join("audit.db"), deadline: Duration::from_secs(10) };
    let clock = ManualClock::new(Timestamp::from_secs(1_767_225_600));
    let store = Arc::new(SqliteStore::open_with_work(&options, clock.clone()).await.unwrap());
    let fixture = WorkFixture { store, limits: None, clock, again: None, keep: Box::new(()) };
    let app = Start::default().on(fixture).start().await;
    let (ours, theirs) = (app.key("admin").await, app.key_of("acme", "admin", |ask| ask).await);
    let verify =
        async |client: &Client, query: &str| client.get(&format!("/v1/audit/verify{query}")).await.expect(200).json;
    let before = verify(&theirs, "").await;
    for number in 0..3 {
        ours.post("/auth/keys", json!({"name": format!("n{number}")})).await.expect(201).secret();
    }
    assert_eq!(verify(&theirs, "").await, before, "whatever others do");
    let own = records(&theirs, "?limit=100").await;
    assert_eq!(before["checked"], own.len());
    assert_eq!(before["head"], format!("{}:{}", own[0]["seq"], own[0]["hash"].as_str().unwrap()));
    assert_eq!(before["first_seq"], own[own.len() - 1]["seq"]);
    assert_eq!(verify(&theirs, &format!("?head={}", before["head"].as_str().unwrap())).await, before);
    // A platform caller learns of all.
    let all = verify(&app.key("platform").await, "").await;
    assert!(all["checked"].as_u64().unwrap() > before["checked"].as_u64().unwrap() + 3, "{all}");
    // That the whole is broken everybody learns, and where whoever may see it.
    let mut file = SqliteConnectOptions::new().filename(&options.path).connect().await.unwrap();
    let theirs_first = before["first_seq"].as_u64().unwrap();
    let unlink = sqlx::query("UPDATE audit SET hash = NULL WHERE seq = ?").bind(i64::try_from(theirs_first).unwrap());
    unlink.execute(&mut file).await.unwrap();
    for (client, at) in [(&theirs, json!(theirs_first)), (&ours, Value::Null)] {
        let broken = verify(client, "").await;
        assert_eq!((&broken["status"], &broken["broken_at"]), (&json!("broken"), &at));
    }
}

/// Following the chain reads the whole log, so a node does it twice at once at most, and once for each tenant: that is
/// what two places are of which a holder has half, whatever number of tenants there is.
#[tokio::test]
async fn two_tenants_verify_the_log_at_once_and_no_tenant_twice() {
    let (url, clock) = (postgres_url().await, ManualClock::new(Timestamp::from_secs(1_767_225_600)));
    let options = PostgresOptions { url: url.clone(), deadline: PATIENCE, connections: 8 };
    let store = Arc::new(PostgresStore::connect_with_work(&options, Some(clock.clone())).await.unwrap());
    let fixture = WorkFixture { store, limits: None, clock, again: None, keep: Box::new(()) };
    let app = Start::default().on(fixture).start().await;
    let (one, again) = (app.key_of("one", "admin", |ask| ask).await, app.key_of("one", "admin", |ask| ask).await);
    let (two, three) = (app.key_of("two", "admin", |ask| ask).await, app.key_of("three", "admin", |ask| ask).await);
    let platform = app.key("platform").await;
    for client in [&one, &again, &two, &three, &platform] {
        client.get("/auth/me").await.expect(200);
    }
    let verify = async |client: &Client| client.get("/v1/audit/verify").await;

    // Who verifies waits for the log.
    let mut holder = PgConnection::connect(&url).await.unwrap();
    let mut lock = holder.begin().await.unwrap();
    lock.execute("LOCK TABLE audit IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let mut witness = PgConnection::connect(&url).await.unwrap();
    let mut verifying = async |count: i64| {
        let sql = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'audit'::regclass";
        eventually("it is verified", async || {
            sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut witness).await.unwrap() == count
        })
        .await;
    };
    let others = async {
        verifying(1).await;
        for client in [&one, &again] {
            let refused = verify(client).await.expect(409);
            assert_eq!(refused.json["detail"], "The audit log is being verified already");
        }
        let second = async {
            verifying(2).await;
            // All places are taken; who has none learns nothing of who has them.
            for client in [&three, &platform, &one, &two] {
                let refused = verify(client).await.expect(409);
                assert_eq!(refused.json["detail"], "The audit log is being verified already");
            }
            lock.rollback().await.unwrap();
        };
        tokio::join!(verify(&two), second).0
    };
    let (first, second) = tokio::join!(verify(&one), others);
    for verified in [first, second] {
        assert_eq!(verified.expect(200).json["status"], "intact");
    }
    // Both places are free again.
    for client in [&three, &platform, &again] {
        assert_eq!(verify(client).await.expect(200).json["status"], "intact");
    }
}

/// The chain over records as they were read back.
fn intact(records: &[AuditRecord]) -> bool {
    let mut last = AuditHash::START;
    records.iter().all(|record| {
        let link = record.link(last);
        last = link;
        record.hash == Some(link)
    })
}

#[tokio::test]
async fn whatever_is_changed_taken_out_or_put_in_breaks_the_chain() {
    let fixture = stores::memory().await;
    let store = fixture.store.clone();
    let app = Start::default().on(fixture).start().await;
    let admin = app.key("admin").await;
    for name in ["one", "two", "three"] {
        admin.post("/auth/keys", json!({"name": name})).await.expect(201).secret();
    }
    let records = store.audit_after(0, 100).await.unwrap();
    assert!(records.len() >= 4 && intact(&records));
    let tampered = |tamper: &dyn Fn(&mut Vec<AuditRecord>)| {
        let mut records = records.clone();
        tamper(&mut records);
        !intact(&records)
    };
    assert!(tampered(&|it| it[1].actor_kind = "master".to_owned()), "LOG-03");
    assert!(tampered(&|it| it[1].time = it[1].time.plus(Duration::from_micros(1))));
    assert!(tampered(&|it| it[1].address = None));
    assert!(tampered(&|it| it[1].detail["name"] = json!("other")));
    assert!(tampered(&|it| it[1].action = KeyAction::KEY_REVOKED.as_str().to_owned()));
    assert!(tampered(&|it| it[1].seq += 1));
    assert!(tampered(&|it| drop(it.remove(1))));
    assert!(tampered(&|it| drop(it.remove(0))));
    assert!(tampered(&|it| it.swap(1, 2)));
    assert!(tampered(&|it| it.insert(1, it[1].clone())));
}

#[tokio::test]
async fn a_record_that_lost_its_link_is_noticed_at_the_beginning_of_the_log_too() {
    let data = tempfile::TempDir::new().unwrap();
    let options = SqliteOptions { path: data.path().join("audit.db"), deadline: PATIENCE };
    let clock = ManualClock::new(Timestamp::from_secs(1_767_225_600));
    let store = Arc::new(SqliteStore::open_with_work(&options, clock.clone()).await.unwrap());
    let fixture = WorkFixture { store, limits: None, clock, again: None, keep: Box::new(()) };
    let app = Start::default().on(fixture).start().await;
    let admin = app.key("admin").await;
    let verify = async |query: &str| admin.get(&format!("/v1/audit/verify{query}")).await.expect(200).json;
    assert_eq!(verify("").await["status"], "intact");

    let mut file = SqliteConnectOptions::new().filename(&options.path).connect().await.unwrap();
    file.execute("UPDATE audit SET hash = NULL WHERE seq = 1").await.unwrap();
    let broken = verify("").await;
    assert_eq!((&broken["status"], &broken["broken_at"]), (&json!("broken"), &json!(1)), "LOG-03");
    file.execute("UPDATE audit SET hash = NULL").await.unwrap();
    assert_eq!(verify("").await["status"], "broken");
    // Whoever knows that the log is older than its chain says so.
    let later = admin.post("/auth/keys", json!({"name": "linked"})).await.expect(201);
    later.secret();
    let seq = records(&admin, "?limit=1").await[0]["seq"].as_u64().unwrap();
    assert_eq!(verify(&format!("?first={seq}")).await["status"], "intact");
    assert_eq!(verify(&format!("?first={}", seq - 1)).await["broken_at"], seq - 1);
}
