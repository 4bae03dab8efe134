//! What every answer carries, and the refusals that no route gives.

use dalston_model::OsEntropy;
use kit::{
    app::{App, Start},
    client::Answer,
};
use reqwest::Method;
use serde_json::json;

const ID: &str = "x-request-id";

#[tokio::test]
async fn a_request_keeps_its_id_if_it_has_a_plain_one() {
    let app = App::start().await;
    for id in ["a", "abc.DEF-1_2", &"x".repeat(64)] {
        for path in ["/health", "/auth/me"] {
            let answer = app.anon().get_with(path, &[(ID, id)]).await;
            assert_eq!(answer.header(ID), id);
        }
        assert_eq!(app.anon().get_with("/auth/me", &[(ID, id)]).await.json["request_id"], id);
    }
}

#[tokio::test]
async fn a_request_gets_an_id_if_it_has_none_or_another_kind() {
    let app = App::start().await;
    let mut seen = Vec::new();
    for id in ["", "a b", "a/b", "é", &"x".repeat(65), "<script>", "a\tb"] {
        let answer = app.anon().get_with("/auth/me", &[(ID, id)]).await;
        let given = answer.header(ID).to_owned();
        assert!(given.len() == 32 && given.bytes().all(|byte| byte.is_ascii_hexdigit()), "LOG-04 {id:?}: {given}");
        assert_eq!(answer.json["request_id"], given.as_str());
        assert!(!seen.contains(&given));
        seen.push(given);
    }
}

#[tokio::test]
async fn a_key_in_any_other_place_reaches_no_log_and_no_answer() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let canary = dalston_auth::KeyFormat::default().mint(&OsEntropy).unwrap().expose().to_owned();
    // The kit looks for it in every line of the log.
    app.with(&canary).get("/auth/me").await.expect(401);
    for header in [ID, "cookie", "user-agent", "referer", "origin", "idempotency-key", "x-forwarded-for", "accept"] {
        let answer = admin.get_with("/auth/keys", &[(header, &canary)]).await.expect(200);
        assert!(!format!("{answer:?}").contains(&canary), "LOG-01 {header}");
    }
    for path in [
        format!("/auth/keys/{canary}"),
        format!("/{canary}"),
        format!("/auth/keys?cursor={canary}"),
        format!("/auth/keys?limit={canary}"),
        format!("/auth/keys?{canary}=1"),
        format!("/v1/audio/transcriptions/stream?language={canary}"),
    ] {
        let answer = admin.get(&path).await;
        assert!(answer.status.is_client_error() && !format!("{answer:?}").contains(&canary), "AUTH-05 {path}");
    }
    for body in [
        json!({"name": canary}),
        json!({"name": "n", "scopes": [canary]}),
        json!({"name": "n", canary.as_str(): 1}),
        json!({"name": "n", "tenant_id": canary}),
        json!({"name": "n", "expires_at": canary}),
        json!({"name": "n", "description": format!("my key is {canary}")}),
    ] {
        let answer = admin.post("/auth/keys", body).await;
        assert!(answer.status.is_client_error() && !format!("{answer:?}").contains(&canary), "{}", answer.text);
    }
}

#[tokio::test]
async fn no_answer_may_be_sniffed_and_none_behind_the_gate_may_be_stored() {
    let app = App::start().await;
    let reader = app.key("jobs:read").await;
    for (client, path, status) in [
        (&app.anon(), "/health", 200),
        (&app.anon(), "/health/ready", 200),
        (&app.anon(), "/auth/me", 401),
        (&reader, "/auth/me", 200),
        (&reader, "/auth/keys", 403),
        (&reader, "/nowhere", 404),
        (&reader, "/v1/audio/transcriptions?limit=0", 422),
    ] {
        let answer = client.get(path).await.expect(status);
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "WEB-01 {path}");
        let stored = if path.starts_with("/health") { "" } else { "no-store" };
        assert_eq!(answer.header("cache-control"), stored, "AUTH-09 {path}");
        assert_eq!(answer.headers.get_all("x-request-id").iter().count(), 1);
    }
}

#[tokio::test]
async fn an_unknown_route_is_401_without_a_key_and_404_with_one() {
    let app = App::start().await;
    let reader = app.key("jobs:read").await;
    for path in
        ["/", "/nowhere", "/v1", "/v1/nowhere", "/version", "/api/version", "/docs", "/openapi.json", "/metrics"]
    {
        assert_eq!(app.anon().get(path).await.expect(401).problem(), "missing_credential", "API-01 {path}");
        assert_eq!(reader.get(path).await.expect(404).problem(), "not_found", "{path}");
    }
}

#[tokio::test]
async fn a_wrong_method_is_401_without_a_key_and_405_with_one() {
    let app = App::start().await;
    let reader = app.key("jobs:read").await;
    let methods = ["PUT", "OPTIONS", "TRACE", "DELETE", "FOO"];
    for (path, allowed) in [
        ("/auth/keys", "GET, HEAD, POST"),
        ("/auth/me", "GET, HEAD"),
        ("/health", "GET, HEAD"),
        ("/v1/audio/transcriptions", "GET, HEAD, POST"),
        ("/v1/audio/transcriptions/stream", "GET, HEAD"),
    ] {
        for method in methods {
            let method: Method = method.parse().unwrap();
            Answer::of(app.anon().request(method.clone(), path)).await.expect(401);
            let answer = Answer::of(reader.request(method, path)).await.expect(405);
            assert_eq!(answer.problem(), "method_not_allowed", "HTTP-07 {path}");
            let mut given: Vec<&str> = answer.header("allow").split(", ").collect();
            given.sort_unstable();
            assert_eq!(given.join(", "), allowed, "{path}");
        }
    }
}

#[tokio::test]
async fn head_is_get_without_its_body() {
    let app = App::start().await;
    let reader = app.key("jobs:read").await;
    for (client, path, status) in [
        (&app.anon(), "/health", 200),
        (&reader, "/auth/me", 200),
        (&reader, "/auth/keys", 403),
        (&app.anon(), "/auth/me", 401),
    ] {
        let answer = Answer::of(client.request(Method::HEAD, path)).await.expect(status);
        assert_eq!(answer.text, "");
        assert_eq!(answer.header("content-type"), client.get(path).await.header("content-type"), "{path}");
    }
}

#[tokio::test]
async fn an_unknown_host_is_misdirected_whoever_asks() {
    let app = Start::default().set("DALSTON_ALLOWED_HOSTS", "api.example.com").start().await;
    let reader = app.key("jobs:read").await;
    for host in ["evil.example", "localhost.evil.example:8000", "api.example.com.evil"] {
        for (client, path) in [(&app.anon(), "/help"), (&app.anon(), "/auth/me"), (&reader, "/auth/me")] {
            let answer = client.get_with(path, &[("host", host)]).await.expect(421);
            assert_eq!(answer.problem(), "misdirected", "HTTP-08 {host} {path}");
            assert_eq!(answer.json["request_id"], answer.header(ID));
        }
    }
    for host in ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000", "API.example.com", "a.localhost"] {
        reader.get_with("/auth/me", &[("host", host)]).await.expect(200);
    }
}
