//! `GET /status` (AUTHZ-07).

use dalston_model::Clock;
use dalston_service::Report;
use kit::{
    app::{App, MASTER, Start},
    servers::Redis,
    shell::Shell,
    stores, wav,
};
use serde_json::{Value, json};
use std::time::Duration;

/// What everyone sees.
const EVERYONE: [&str; 10] = [
    "status",
    "source",
    "version",
    "uptime_seconds",
    "started_at",
    "time",
    "components",
    "requests",
    "jobs",
    "streams",
];

fn fields(object: &Value) -> Vec<&str> {
    object.as_object().unwrap_or_else(|| panic!("no object: {object}")).keys().map(String::as_str).collect()
}

#[tokio::test]
async fn a_key_sees_the_short_list_and_nothing_else() {
    let app = App::start().await;
    for scopes in ["jobs:read", "jobs:write,realtime,webhooks,nudge", "worker"] {
        let report = app.key(scopes).await.get("/status").await.expect(200).json;
        assert_eq!(fields(&report), EVERYONE, "{scopes}");
        assert_eq!(fields(&report["components"]), ["store"]);
        assert_eq!(fields(&report["requests"]), ["total", "refused"]);
        assert_eq!(report["status"], "healthy");
        assert_eq!(report["components"]["store"], "ok");
        assert_eq!(report["version"], env!("CARGO_PKG_VERSION"));
    }
    app.anon().get("/status").await.expect(401);
}

#[tokio::test]
async fn an_admin_sees_the_admins_part_besides() {
    let app = App::start().await;
    for client in [app.key("admin").await, app.key("platform").await, app.master()] {
        let report = client.get("/status").await.expect(200).json;
        assert_eq!(fields(&report), [&EVERYONE[..], &["admin"]].concat());
        for part in ["process", "store", "limiter", "settings"] {
            assert!(fields(&report["admin"]).contains(&part), "{part}");
        }
        assert_eq!(report["admin"]["store"]["kind"], "memory");
        assert_eq!(report["admin"]["limiter"], "local");
        assert!(report["admin"]["process"]["resident_bytes"].as_u64().unwrap() > 1_000_000);
    }
}

#[tokio::test]
async fn no_report_holds_a_secret_or_a_url_of_a_store() {
    let server = Redis::start(&[]);
    let pepper = "pepper-of-the-tests-0123456789";
    let start = Start::default().set("DALSTON_PEPPER", pepper).set("DALSTON_STORE", "redis://user:canary@host/0");
    let fixture = stores::redis_at(server.url()).await;
    let app = start.on(fixture).start().await;
    for client in [app.master(), app.key("admin").await, app.key("jobs:read").await] {
        let report = client.get("/status").await.expect(200);
        for secret in [MASTER, pepper, "canary", &server.url(), client.secret.as_ref().unwrap()] {
            assert!(!report.text.contains(secret), "SEC-02 AUTHZ-07 {secret}");
        }
    }
    let report = app.master().get("/status").await.expect(200).json;
    assert_eq!(report["admin"]["store"]["kind"], "redis");
    assert_eq!(report["admin"]["limiter"], "leased");
}

#[tokio::test]
async fn the_time_and_the_uptime_go_by_the_clock() {
    let app = App::start().await;
    let client = app.key("jobs:read").await;
    app.clock.advance(Duration::from_millis(90_500));
    let report = client.get("/status").await.expect(200).json;
    assert_eq!(report["started_at"], "2026-01-01T00:00:00Z");
    assert_eq!(report["time"], "2026-01-01T00:01:30.5Z");
    assert_eq!(report["uptime_seconds"], 90);
}

#[tokio::test]
async fn requests_are_counted_and_refused_ones_besides() {
    let app = App::start().await;
    let client = app.key("jobs:read").await;
    app.anon().get("/auth/me").await.expect(401);
    app.anon().get("/health").await.expect(200);
    client.get("/auth/keys").await.expect(403);
    client.get("/auth/me").await.expect(200);
    let report = client.get("/status").await.expect(200).json;
    assert_eq!(report["requests"], json!({"total": 4, "refused": 2}));
}

#[tokio::test]
async fn a_tenant_sees_its_own_jobs_only() {
    let app = App::start().await;
    let (ours, theirs) = (app.key("jobs:write").await, app.key_of("other", "admin", |ask| ask).await);
    ours.upload(wav::tone(1), "a.wav").await.expect(201);
    let active = |pending: u64| json!({"pending": pending, "running": 0, "cancelling": 0});
    assert_eq!(ours.get("/status").await.expect(200).json["jobs"], active(1));
    assert_eq!(theirs.get("/status").await.expect(200).json["jobs"], active(0), "TEN-01");
}

#[tokio::test]
async fn there_is_no_version_route_and_no_version_command() {
    let app = App::start().await;
    for path in ["/version", "/api/version", "/v1/version", "/api/status"] {
        app.anon().get(path).await.expect(401);
        app.key("admin").await.get(path).await.expect(404);
        app.master().get(path).await.expect(404);
    }
    assert!(
        app.runtime.registry.rows().iter().all(|row| !row.name.contains("version") && !row.tool.contains("version"))
    );
    assert!(app.runtime.registry.read_line("/version").is_err());
    assert_eq!(Shell::new().dalston(&["version"]).code, 2);
}

#[tokio::test]
async fn the_report_reads_back_as_the_struct_that_it_was_made_from() {
    let app = App::start().await;
    for client in [app.master(), app.key("admin").await, app.key("jobs:read").await] {
        let json = client.get("/status").await.expect(200).json;
        let report: Report = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(serde_json::to_value(&report).unwrap(), json);
    }
}

#[tokio::test]
async fn what_is_no_report_is_not_drawn_and_what_a_newer_node_adds_is_passed_over() {
    let app = App::start().await;
    let row = app.runtime.registry.row("status").unwrap();
    let error = row.read(json!({"status": "fine", "more": 1})).err().unwrap().to_string();
    assert_eq!(error, "status answers in another shape: missing field `source` at .");
    let report = app.master().get("/status").await.expect(200).json;
    let mut newer = report.clone();
    newer["more"] = json!(1);
    newer["admin"]["store"]["more"] = json!({"a": [1]});
    let plain = |data: Value| row.read(data).unwrap().render(app.clock.now()).plain();
    assert_eq!(plain(newer), plain(report));
}
