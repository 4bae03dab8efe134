//! Pages of other origins: what HTTP shows of what their browsers would do (WEB-03), and a browser.

mod chromium;

use dalston_auth::NewKey;
use dalston_gateway::routes;
use kit::{
    app::{App, Start},
    client::{Answer, Client},
};
use reqwest::Method;

const LISTED: &str = "https://app.example.com";
const EXPOSED: &str = "X-Request-ID, RateLimit, RateLimit-Policy, Retry-After, Link, Location, X-Dalston-Job, X-Dalston-Ignored, \
     X-Dalston-Note";

async fn gateway() -> App {
    Start::default().set("DALSTON_ALLOWED_ORIGINS", "https://app.example.com,http://localhost:3000").start().await
}

async fn preflight(client: &Client, path: &str, origin: &str) -> Answer {
    let request = client
        .request(Method::OPTIONS, path)
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type,idempotency-key");
    Answer::of(request).await
}

/// What an answer says to browsers.
fn said(answer: &Answer) -> [&str; 3] {
    ["access-control-allow-origin", "access-control-expose-headers", "vary"].map(|name| answer.header(name))
}

#[tokio::test]
async fn the_preflight_of_a_listed_origin_is_answered_on_every_route_without_a_key() {
    let app = gateway().await;
    let mut patterns: Vec<(String, String)> = Vec::new();
    for route in routes(&app.runtime.registry) {
        if route.handler() == Some(dalston_command::Handler::Telegram) {
            continue;
        }
        let path = route.pattern.replace(['{', '}'], "");
        match patterns.iter_mut().find(|(known, _)| *known == path) {
            Some((_, methods)) => *methods = format!("{methods}, {}", route.method.as_str()),
            None => patterns.push((path, route.method.as_str().to_owned())),
        }
    }
    assert!(patterns.len() > 30);
    for (path, methods) in patterns {
        let answer = preflight(&app.anon(), &path, LISTED).await;
        assert_eq!((answer.code(), answer.text.as_str()), (204, ""), "{path}");
        assert_eq!(said(&answer), [LISTED, EXPOSED, "Origin"], "{path}");
        assert_eq!(answer.header("access-control-max-age"), "600");
        assert_eq!(answer.header("access-control-allow-headers"), "authorization,content-type,idempotency-key");
        let mut named: Vec<&str> = answer.header("access-control-allow-methods").split(", ").collect();
        named.retain(|method| *method != "HEAD");
        assert_eq!(named, methods.split(", ").collect::<Vec<_>>(), "{path}");
        assert_eq!(answer.header("access-control-allow-credentials"), "");
    }
}

#[tokio::test]
async fn every_answer_to_a_listed_origin_can_be_read_by_its_page() {
    let app = gateway().await;
    // Two are spent on each of the first two routes.
    let limited = |ask| NewKey { rate_limit: Some(4.try_into().unwrap()), ..ask };
    let key = app.key_of("default", "jobs:read", limited).await;
    for (client, path, code) in [
        (&key, "/auth/me", 200),
        (&key, "/auth/keys", 403),
        (&key, "/auth/me", 429),
        (&app.anon(), "/auth/me", 401),
        (&app.master(), "/nowhere", 404),
        (&app.anon(), "/health", 200),
        (&app.master(), "/openai/v1/models", 200),
        (&app.anon(), "/openai/v1/models", 401),
    ] {
        for origin in [LISTED, "http://localhost:3000"] {
            let request = client.request(Method::GET, path).header("origin", origin);
            let answer = Answer::of(request).await;
            assert_eq!((answer.code(), said(&answer)), (code, [origin, EXPOSED, "Origin"]), "{path}");
        }
    }
}

#[tokio::test]
async fn pages_of_other_origins_are_told_nothing() {
    let (app, closed) = (gateway().await, App::start().await);
    for (app, origin) in [
        (&app, "https://evil.example"),
        (&app, "https://app.example.com.evil"),
        (&app, "http://app.example.com"),
        (&app, "https://app.example.com:8443"),
        (&app, "null"),
        (&app, "*"),
        (&closed, LISTED),
    ] {
        let answer = preflight(&app.anon(), "/auth/me", origin).await;
        assert_eq!((answer.code(), answer.problem()), (401, "missing_credential"), "{origin}");
        assert_eq!(said(&answer), ["", "", ""], "{origin}");
        let answer = Answer::of(app.master().request(Method::GET, "/auth/me").header("origin", origin)).await;
        assert_eq!((answer.code(), said(&answer)), (200, ["", "", ""]), "{origin}");
    }
    // Two are none, and a route that is none has no preflight.
    let twice = app.anon().request(Method::OPTIONS, "/auth/me").header("origin", LISTED).header("origin", LISTED);
    let twice = Answer::of(twice.header("access-control-request-method", "GET")).await;
    assert_eq!((twice.code(), said(&twice)), (401, ["", "", ""]));
    assert_eq!(preflight(&app.anon(), "/nowhere", LISTED).await.code(), 401);
    let plain = Answer::of(app.anon().request(Method::OPTIONS, "/auth/me").header("origin", LISTED)).await;
    assert_eq!((plain.code(), said(&plain)[0]), (401, LISTED), "no preflight");
}
