//! `?api_key=`: taken on the stream's route, unless told otherwise (AUTH-07).

use kit::app::{App, Start};

const STREAM: &str = "/v1/audio/transcriptions/stream";

async fn app(query_keys: &str) -> App {
    Start::default().set("DALSTON_QUERY_KEYS", query_keys).start().await
}

#[tokio::test]
async fn unless_told_a_key_in_the_query_is_taken_on_the_streams_route_only() {
    for app in [App::start().await, app("stream").await] {
        let secret = app.key("admin").await.secret.unwrap();
        // 426: let in, but no upgrade.
        app.anon().get(&format!("{STREAM}?api_key={secret}")).await.expect(426);
        for path in ["/auth/me", "/auth/keys", "/status", "/v1/audio/transcriptions", "/nowhere"] {
            let answer = app.anon().get(&format!("{path}?api_key={secret}")).await;
            assert_eq!((answer.code(), answer.problem()), (401, "missing_credential"), "{path}");
        }
    }
}

#[tokio::test]
async fn told_so_a_key_in_the_query_is_taken_on_every_route() {
    let app = app("all").await;
    let secret = app.key("admin").await.secret.unwrap();
    app.anon().get(&format!("{STREAM}?api_key={secret}")).await.expect(426);
    for path in ["/auth/me", "/auth/keys", "/status", "/v1/audio/transcriptions"] {
        let answer = app.anon().get(&format!("{path}?api_key={secret}")).await.expect(200);
        assert_eq!(answer.header("cache-control"), "no-store", "AUTH-09 {path}");
    }
    app.anon().get("/auth/me?api_key=dk_invalid").await.expect(401);
}

#[tokio::test]
async fn told_so_a_key_in_the_query_is_taken_nowhere() {
    let app = app("off").await;
    let secret = app.key("admin").await.secret.unwrap();
    for path in [STREAM, "/auth/me"] {
        let answer = app.anon().get(&format!("{path}?api_key={secret}")).await;
        assert_eq!((answer.code(), answer.problem()), (401, "missing_credential"), "{path}");
    }
    app.with(&secret).get(STREAM).await.expect(426);
}

#[tokio::test]
async fn a_key_in_a_query_is_seen_however_its_name_is_written() {
    let app = App::start().await;
    let reader = app.key("realtime").await;
    let secret = reader.secret.clone().unwrap();
    for name in ["api_key", "api%5Fkey", "%61pi_key"] {
        app.anon().get(&format!("{STREAM}?language=en&{name}={secret}")).await.expect(426);
        let both = reader.get(&format!("/auth/me?{name}={secret}")).await;
        assert_eq!((both.code(), both.problem()), (400, "ambiguous_credential"), "AUTH-03 {name}");
    }
    for name in ["API_KEY", "apikey", "key", "token", "access_token"] {
        app.anon().get(&format!("{STREAM}?{name}={secret}")).await.expect(401);
    }
}

#[tokio::test]
async fn a_key_in_the_query_is_never_in_a_link() {
    let app = app("all").await;
    let secret = app.key("admin").await.secret.unwrap();
    app.key("jobs:read").await;
    let page = app.anon().get(&format!("/auth/keys?limit=1&api_key={secret}")).await.expect(200);
    let next = page.next().unwrap();
    assert!(!next.contains("api_key") && !next.contains(&secret), "AUTH-05");
    assert_eq!(app.with(&secret).get(next).await.expect(200).ids().len(), 1);
}
