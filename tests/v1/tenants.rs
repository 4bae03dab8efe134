//! `/v1/tenants`.

use kit::app::App;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_platform_caller_makes_a_tenant_and_keys_in_it() {
    let app = App::start().await;
    for (client, id) in [(app.master(), "acme"), (app.key("platform").await, "b-1_x")] {
        let made = client.post("/v1/tenants", json!({"id": id, "name": " Acme Ltd "})).await.expect(201);
        let expected =
            json!({"id": id, "name": "Acme Ltd", "created_at": "2026-01-01T00:00:00Z", "retention_days": null});
        assert_eq!(made.json, expected);
        assert_eq!(made.header("location"), "", "no route shows one tenant");
        let key = client.post("/auth/keys", json!({"name": "n", "tenant_id": id})).await.expect(201);
        let me = app.with(&key.secret()).get("/auth/me").await.expect(200);
        assert_eq!(me.json["tenant_id"], id);
    }
}

#[tokio::test]
async fn a_tenant_is_made_once() {
    let app = App::start().await;
    for (id, status) in [("acme", 201), ("acme", 409), ("default", 409)] {
        app.master().post("/v1/tenants", json!({"id": id, "name": "n"})).await.expect(status);
    }
    assert_eq!(app.master().get("/v1/tenants").await.expect(200).ids().len(), 2);
}

#[tokio::test]
async fn a_tenant_without_a_name_has_none() {
    let app = App::start().await;
    let made = app.master().post("/v1/tenants", json!({"id": "acme"})).await.expect(201);
    assert_eq!(made.json["name"], json!(null));
}

#[tokio::test]
async fn an_id_that_is_none_is_refused_by_its_field() {
    let app = App::start().await;
    let long = "a".repeat(64);
    for id in ["", "Acme", "-a", "_a", "a b", "a:b", "a/b", "a.b", "é", "a\n", &long] {
        let answer = app.master().post("/v1/tenants", json!({"id": id})).await.expect(422);
        assert_eq!(answer.fields(), ["id"], "TEN-03 {id}");
    }
    app.master().post("/v1/tenants", json!({"id": "a".repeat(63)})).await.expect(201);
    assert_eq!(app.master().post("/v1/tenants", json!({})).await.expect(422).fields(), ["id"]);
    let answer = app.master().post("/v1/tenants", json!({"id": "a", "name": "", "x": 1})).await.expect(422);
    assert_eq!(answer.fields(), ["x"]);
    assert_eq!(app.master().post("/v1/tenants", json!({"id": "a", "name": ""})).await.expect(422).fields(), ["name"]);
}

#[tokio::test]
async fn an_admin_neither_makes_nor_sees_tenants() {
    let app = App::start().await;
    let admin = app.key("admin,worker").await;
    for answer in [admin.post("/v1/tenants", json!({"id": "acme"})).await, admin.get("/v1/tenants").await] {
        assert_eq!((answer.code(), answer.problem()), (403, "insufficient_scope"), "TEN-04");
    }
    assert_eq!(app.master().get("/v1/tenants").await.expect(200).ids(), ["default"]);
}

#[tokio::test]
async fn tenants_are_listed_newest_first_in_pages() {
    let app = App::start().await;
    for id in ["a", "b", "c", "d"] {
        app.clock.advance(Duration::from_secs(1));
        app.master().post("/v1/tenants", json!({"id": id})).await.expect(201);
    }
    let (mut seen, mut path) = (Vec::new(), "/v1/tenants?limit=2".to_owned());
    loop {
        let page = app.master().get(&path).await.expect(200);
        seen.extend(page.ids().into_iter().map(str::to_owned));
        match page.next() {
            Some(next) => path = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, ["d", "c", "b", "a", "default"]);
    for wrong in ["limit=0", "limit=101", "limit=x"] {
        assert_eq!(app.master().get(&format!("/v1/tenants?{wrong}")).await.expect(422).fields(), ["limit"]);
    }
    app.master().get("/v1/tenants?cursor=x").await.expect(400);
}
