//! The master key, and the tenants that its holder may name.

use kit::{
    app::{App, MASTER, Start},
    log, wav,
};
use serde_json::json;

const TENANT: &str = "x-dalston-tenant";

#[tokio::test]
async fn the_master_key_is_taken_in_authorization_only() {
    let app = Start::default().set("DALSTON_QUERY_KEYS", "all").start().await;
    app.master().get("/auth/keys").await.expect(200);
    for name in ["x-api-key", "xi-api-key"] {
        let answer = app.anon().get_with("/auth/me", &[(name, MASTER)]).await;
        assert_eq!((answer.code(), answer.problem()), (401, "invalid_credential"), "{name}");
    }
    app.anon().get(&format!("/auth/me?api_key={MASTER}")).await.expect(401);
    for near in [&MASTER[1..], &MASTER[..MASTER.len() - 1], &MASTER.to_uppercase(), &format!("{MASTER}0")] {
        app.with(near).get("/auth/me").await.expect(401);
    }
}

#[tokio::test]
async fn two_master_keys_work_while_one_replaces_the_other() {
    let (old, new) = ("o".repeat(32), "n".repeat(40));
    for secret in [&old, &new] {
        log::guard(secret);
    }
    let both = format!("{old}, {new}");
    let app = Start::default().set("DALSTON_MASTER_KEY", &both).start().await;
    app.with(&old).get("/auth/me").await.expect(200);
    app.with(&new).get("/auth/me").await.expect(200);
    app.master().get("/auth/me").await.expect(401);
    app.with(&format!("{old},{new}")).get("/auth/me").await.expect(401);
}

#[tokio::test]
async fn without_a_master_key_nothing_is_one() {
    let app = Start::default().unset("DALSTON_MASTER_KEY").start().await;
    app.master().get("/auth/me").await.expect(401);
    app.anon().get_with("/auth/me", &[("authorization", "Bearer ")]).await.expect(400);
    app.anon().get_with("/auth/me", &[("authorization", "Bearer null")]).await.expect(401);
}

#[tokio::test]
async fn a_platform_caller_works_in_the_tenant_that_it_names() {
    let app = App::start().await;
    let theirs = app.key_of("acme", "jobs:read", |ask| ask).await.id.unwrap().to_string();
    let ours = app.key("jobs:read").await.id.unwrap().to_string();
    for client in [app.master(), app.key("platform").await] {
        let keys = client.get_with("/auth/keys", &[(TENANT, "acme")]).await.expect(200);
        assert!(keys.ids().contains(&theirs.as_str()) && !keys.ids().contains(&ours.as_str()), "TEN-01");
        assert!(!client.get("/auth/keys").await.expect(200).ids().contains(&theirs.as_str()));
        client.get_with(&format!("/auth/keys/{theirs}"), &[(TENANT, "acme")]).await.expect(200);
        client.get(&format!("/auth/keys/{theirs}")).await.expect(404);
        let made = client.post_with("/auth/keys", json!({"name": "made"}), &[(TENANT, "acme")]).await.expect(201);
        made.secret();
        assert_eq!(made.json["tenant_id"], "acme");
    }
    let me = app.master().get_with("/auth/me", &[(TENANT, "acme")]).await.expect(200);
    assert_eq!(me.json["tenant_id"], "acme");
}

#[tokio::test]
async fn a_tenant_that_is_not_there_is_not_an_empty_one() {
    let app = App::start().await;
    for path in ["/auth/keys", "/v1/audio/transcriptions"] {
        let request = app.master().request(reqwest::Method::GET, path).header("x-dalston-tenant", "nowhere");
        assert_eq!(kit::client::Answer::of(request).await.expect(404).json["detail"], "Tenant not found");
    }
    let twice = app.master().request(reqwest::Method::GET, "/auth/keys");
    let twice = twice.header("x-dalston-tenant", "default").header("x-dalston-tenant", "default");
    kit::client::Answer::of(twice).await.expect(404);
}

#[tokio::test]
async fn a_platform_key_of_a_tenant_works_in_default_unless_it_names_one() {
    let app = App::start().await;
    let platform = app.key_of("acme", "platform", |ask| ask).await;
    let made = platform.post("/auth/keys", serde_json::json!({"name": "x"})).await.expect(201);
    assert_eq!(made.json["tenant_id"], "default");
}

#[tokio::test]
async fn nobody_else_may_name_a_tenant_not_even_its_own() {
    let app = App::start().await;
    app.key_of("acme", "jobs:read", |ask| ask).await;
    for scopes in ["admin", "admin,worker", "jobs:read"] {
        let client = app.key(scopes).await;
        for tenant in ["acme", "default", "unknown", "NO TENANT", ""] {
            let answer = client.get_with("/auth/me", &[(TENANT, tenant)]).await;
            assert_eq!((answer.code(), answer.problem()), (403, "insufficient_scope"), "TEN-02 {scopes} {tenant}");
            assert_eq!(answer.json["detail"], "Missing required scope: platform");
        }
    }
    app.anon().get_with("/auth/me", &[(TENANT, "acme")]).await.expect(401);
}

#[tokio::test]
async fn a_tenant_that_is_none_is_not_found() {
    let app = App::start().await;
    for tenant in ["", "ACME", "a b", "-acme", "acme:x", "é", &"a".repeat(64)] {
        let answer = app.master().get_with("/auth/keys", &[(TENANT, tenant)]).await.expect(404);
        assert_eq!(answer.json["detail"], "Tenant not found", "TEN-03 {tenant}");
    }
    let made = app.master().post_with("/auth/keys", json!({"name": "made"}), &[(TENANT, "unknown")]).await;
    assert_eq!(made.expect(404).json["detail"], "Tenant not found");
    let form = reqwest::multipart::Part::bytes(wav::tone(1)).file_name("a.wav");
    let upload = app.master().request(reqwest::Method::POST, "/v1/audio/transcriptions").header(TENANT, "unknown");
    let upload = upload.multipart(reqwest::multipart::Form::new().part("file", form));
    let answer = kit::client::Answer::of(upload).await.expect(404);
    assert_eq!(answer.json["detail"], "Tenant not found");
}
