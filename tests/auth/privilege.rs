//! Nobody gives what they do not have (KEY-09, TEN-04).

use kit::{app::App, client::Client};
use serde_json::json;

const SCOPES: [&str; 10] =
    ["jobs:read", "jobs:write", "realtime", "webhooks", "nudge", "verify", "admin", "worker", "metrics", "platform"];

fn path(client: &Client) -> String {
    format!("/auth/keys/{}", client.id.unwrap())
}

#[tokio::test]
async fn an_admin_makes_keys_of_every_scope_but_worker_metrics_and_platform() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    for scope in SCOPES {
        let made = admin.post("/auth/keys", json!({"name": "n", "scopes": [scope]})).await;
        if matches!(scope, "worker" | "metrics" | "platform") {
            assert_eq!((made.code(), made.problem()), (403, "insufficient_scope"), "{scope}");
            assert_eq!(made.json["detail"], format!("Missing required scope: {scope}"));
            let beside = json!({"name": "n", "scopes": ["jobs:read", scope]});
            admin.post("/auth/keys", beside).await.expect(403);
        } else {
            made.expect(201).secret();
        }
    }
}

#[tokio::test]
async fn an_admin_that_is_a_worker_makes_workers_too() {
    let app = App::start().await;
    let admin = app.key("admin,worker").await;
    admin.post("/auth/keys", json!({"name": "n", "scopes": ["worker"]})).await.expect(201).secret();
    admin.post("/auth/keys", json!({"name": "n", "scopes": ["platform"]})).await.expect(403);
}

#[tokio::test]
async fn a_platform_caller_makes_keys_of_every_scope() {
    let app = App::start().await;
    for client in [app.master(), app.key("platform").await] {
        let made = client.post("/auth/keys", json!({"name": "n", "scopes": SCOPES})).await.expect(201);
        made.secret();
        assert_eq!(made.json["scopes"], json!(SCOPES));
    }
}

#[tokio::test]
async fn an_admin_makes_keys_in_its_own_tenant_only() {
    let app = App::start().await;
    app.key_of("other", "jobs:read", |ask| ask).await;
    let admin = app.key("admin").await;
    admin.post("/auth/keys", json!({"name": "n", "tenant_id": "default"})).await.expect(201).secret();
    for tenant in ["other", "unknown"] {
        let answer = admin.post("/auth/keys", json!({"name": "n", "tenant_id": tenant})).await;
        assert_eq!((answer.code(), answer.problem()), (403, "insufficient_scope"), "TEN-02 {tenant}");
    }
}

#[tokio::test]
async fn a_platform_caller_makes_keys_in_every_tenant_that_there_is() {
    let app = App::start().await;
    app.key_of("other", "jobs:read", |ask| ask).await;
    for client in [app.master(), app.key("platform").await] {
        let made = client.post("/auth/keys", json!({"name": "n", "tenant_id": "other"})).await.expect(201);
        assert_eq!(made.json["tenant_id"], "other");
        let me = app.with(&made.secret()).get("/auth/me").await.expect(200);
        assert_eq!(me.json["tenant_id"], "other");
        for none in ["unknown", "NO TENANT", ""] {
            let answer = client.post("/auth/keys", json!({"name": "n", "tenant_id": none})).await.expect(404);
            assert_eq!(answer.json["detail"], "Tenant not found", "{none}");
        }
    }
}

#[tokio::test]
async fn an_admin_neither_changes_nor_rotates_a_key_that_goes_beyond_it() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    for scopes in ["platform", "worker", "metrics", "jobs:read,worker"] {
        let wider = app.key(scopes).await;
        // A rotated platform key would hand its secret to the admin.
        let rotated = admin.post(&format!("{}/rotate", path(&wider)), json!({})).await;
        assert_eq!((rotated.code(), rotated.problem()), (403, "insufficient_scope"), "{scopes}");
        for patch in [
            json!({"name": "mine"}),
            json!({"scopes": ["jobs:read"]}),
            json!({"enabled": false}),
            json!({"expires_at": null}),
        ] {
            let patched = admin.patch(&path(&wider), patch).await;
            assert_eq!((patched.code(), patched.problem()), (403, "insufficient_scope"), "{scopes}");
        }
        wider.get("/auth/me").await.expect(200);
        let now = admin.get(&path(&wider)).await.expect(200);
        assert_eq!(now.json["name"], format!("default {scopes}"));
    }
}

#[tokio::test]
async fn an_admin_widens_no_key_beyond_itself_not_even_its_own() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let reader = app.key("jobs:read").await;
    for key in [&admin, &reader] {
        for scopes in [json!(["platform"]), json!(["admin", "platform"]), json!(["admin", "worker"])] {
            let answer = admin.patch(&path(key), json!({"scopes": scopes})).await;
            assert_eq!((answer.code(), answer.problem()), (403, "insufficient_scope"), "{scopes}");
        }
    }
    let widened = admin.patch(&path(&reader), json!({"scopes": ["admin"]})).await.expect(200);
    assert_eq!(widened.json["scopes"], json!(["admin"]));
    reader.get("/auth/keys").await.expect(200);
}

#[tokio::test]
async fn scopes_are_what_the_key_holds_at_each_use() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let client = app.key("jobs:read").await;
    client.get("/v1/audio/transcriptions").await.expect(200);
    admin.patch(&path(&client), json!({"scopes": ["jobs:write"]})).await.expect(200);
    let answer = client.get("/v1/audio/transcriptions").await.expect(403);
    assert_eq!(answer.json["detail"], "Missing required scope: jobs:read");
}

#[tokio::test]
async fn keys_of_another_tenant_are_out_of_reach_for_its_admins() {
    let app = App::start().await;
    let theirs = app.key_of("other", "jobs:read", |ask| ask).await;
    let admin = app.key("admin").await;
    admin.patch(&path(&theirs), json!({"enabled": false})).await.expect(404);
    admin.post(&format!("{}/rotate", path(&theirs)), json!({})).await.expect(404);
    admin.delete(&path(&theirs)).await.expect(404);
    theirs.get("/auth/me").await.expect(200);
}
