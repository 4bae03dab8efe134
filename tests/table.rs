//! Every route × every caller, and every command × who may and who may not (AUTHZ-01, TEN-01, AUTH-06).

mod callers;
mod commands;
mod doors;
mod example;
mod obedience;
mod outage;

use callers::{dead_keys, right, wrong};
use dalston_auth::Requirement;
use dalston_gateway::{RouteRow, routes};
use dalston_model::Scope;
use dalston_work::{SharedWorkStorage, contract::WorkFixture};
use example::{Example, Things};
use kit::{
    app::{App, Start},
    bot_api::BotApi,
    client::{Answer, Client},
    stores,
};

/// A gateway on memory, and its store.
async fn gateway() -> (App, SharedWorkStorage) {
    let fixture = stores::memory().await;
    let store = fixture.store.clone();
    // The table fails more often than one address may.
    let start = Start::default().delivers().set("DALSTON_AUTH_FAILURES_PER_MINUTE", "1000000");
    // A nudge reaches somebody, and the chat brings updates.
    let api = BotApi::start();
    let start = api.configure(start).set("DALSTON_ADMIN_IDS", "1").set("TELEGRAM_UPDATES", "webhook");
    let start = start.set("DALSTON_PUBLIC_URL", "https://dalston.example.com");
    let fixture = WorkFixture { keep: Box::new((fixture.keep, api)), ..fixture };
    (start.on(fixture).start().await, store)
}

/// The routes that ask who is calling, with what they need.
fn guarded(app: &App) -> Vec<(RouteRow, Requirement)> {
    let all = routes(&app.runtime.registry);
    all.into_iter().filter_map(|route| route.requirement.map(|requirement| (route, requirement))).collect()
}

fn name(route: &RouteRow) -> String {
    format!("{} {}", route.method.as_str(), route.pattern)
}

/// All that a refusal must be.
#[track_caller]
fn assert_refused(answer: &Answer, status: u16, code: &str, challenge: &str, what: &str) {
    assert_eq!((answer.code(), answer.problem()), (status, code), "{what}: {}", answer.text);
    assert_eq!(answer.header("www-authenticate"), challenge, "AUTH-02 {what}");
    assert_eq!(answer.header("cache-control"), "no-store", "{what}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{what}");
    assert_eq!(answer.json["request_id"], answer.header("x-request-id"), "{what}");
}

#[tokio::test]
async fn every_route_has_an_example_and_nobody_needs_a_key_for_health_claims_and_the_webhook() {
    let (app, _) = gateway().await;
    let mut public = Vec::new();
    for route in routes(&app.runtime.registry) {
        let example = Example::of(&route);
        let answer = example.send(&app.anon(), &Things::unknown()).await;
        if route.requirement.is_none() {
            assert_eq!(answer.code(), example.status(), "{}", name(&route));
            public.push(name(&route));
        }
        assert_eq!(answer.code() == 401, route.requirement.is_some(), "AUTHZ-01 {}", name(&route));
    }
    let claims = ["GET /auth/claims/{token}", "POST /auth/claims/{token}"];
    assert_eq!(public, [&["GET /health", "GET /health/ready", "POST /telegram"][..], &claims].concat());
}

#[tokio::test]
async fn a_caller_without_a_live_key_is_refused_on_every_route_and_leaves_no_trace() {
    let (app, store) = gateway().await;
    let things = Things::new(&app).await;
    let dead = dead_keys(&app).await;
    let before = store.checkpoint().await.unwrap().seq;
    for (route, _) in guarded(&app) {
        let example = Example::of(&route);
        let none = example.send(&app.anon(), &things).await;
        assert_refused(&none, 401, "missing_credential", r#"Bearer realm="dalston""#, &name(&route));
        assert_eq!(none.json["detail"], "Missing API key. Provide via 'Authorization: Bearer dk_xxx' header.");
        let mut first = None;
        for (state, client) in &dead {
            let answer = example.send(client, &things).await;
            let what = format!("{} with a key that is {state}", name(&route));
            let challenge = r#"Bearer realm="dalston", error="invalid_token""#;
            assert_refused(&answer, 401, "invalid_credential", challenge, &what);
            assert_eq!(answer.json["detail"], "Invalid or revoked API key");
            assert_eq!(first.get_or_insert_with(|| answer.bare()), &answer.bare(), "AUTH-06 {what}");
        }
    }
    assert_eq!(store.checkpoint().await.unwrap().seq, before, "AUTHZ-03 a refused request leaves no trace");
}

#[tokio::test]
async fn a_key_without_the_scope_is_refused_on_every_route_and_leaves_no_trace() {
    let (app, store) = gateway().await;
    let things = Things::new(&app).await;
    for (route, requirement) in guarded(&app) {
        let Requirement::Scope(scope) = requirement else { continue };
        let client = app.key(&wrong(scope)).await;
        let before = store.checkpoint().await.unwrap().seq;
        let answer = Example::of(&route).send(&client, &things).await;
        let challenge = format!(r#"Bearer realm="dalston", error="insufficient_scope", scope="{scope}""#);
        assert_refused(&answer, 403, "insufficient_scope", &challenge, &name(&route));
        assert_eq!(answer.json["detail"], format!("Missing required scope: {scope}"));
        assert_eq!(store.checkpoint().await.unwrap().seq, before, "AUTHZ-03 {}", name(&route));
    }
}

#[tokio::test]
async fn another_tenants_thing_is_byte_for_byte_an_unknown_one() {
    let (app, store) = gateway().await;
    let things = Things::new(&app).await;
    // Nothing is another's to the platform.
    let bound = |(route, requirement): &(RouteRow, Requirement)| {
        // Whoever registers a worker names it.
        let is_named = name(route) == "PUT /v1/workers/{worker_id}";
        route.pattern.contains('{') && !is_named && *requirement != Requirement::Scope(Scope::Platform)
    };
    for (route, requirement) in guarded(&app).into_iter().filter(bound) {
        let stranger = app.key_of("other", &right(requirement), |ask| ask).await;
        let before = store.checkpoint().await.unwrap().seq;
        let example = Example::of(&route);
        let theirs = example.send(&stranger, &things).await.expect(404);
        let nobodys = example.send(&stranger, &Things::unknown()).await.expect(404);
        assert_eq!(theirs.bare(), nobodys.bare(), "TEN-01 {}", name(&route));
        assert_eq!(theirs.problem(), "not_found");
        assert_eq!(store.checkpoint().await.unwrap().seq, before, "{}", name(&route));
    }
}

#[tokio::test]
async fn a_key_without_room_in_its_minute_is_refused_on_every_route_and_leaves_no_trace() {
    let (app, store) = gateway().await;
    let things = Things::new(&app).await;
    for (route, requirement) in guarded(&app) {
        let client = limited(&app, &right(requirement)).await;
        client.get("/auth/me").await.expect(200);
        let before = store.checkpoint().await.unwrap().seq;
        let answer = Example::of(&route).send(&client, &things).await;
        assert_refused(&answer, 429, "rate_limited", "", &name(&route));
        assert_eq!(answer.json["detail"], "Rate limit exceeded (1/min)");
        assert_eq!(answer.header("ratelimit-policy"), r#""key";q=1;w=60"#);
        assert!(answer.header("ratelimit").starts_with(r#""key";r=0;t="#), "RATE-01 {}", name(&route));
        assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0, "{}", name(&route));
        assert_eq!(store.checkpoint().await.unwrap().seq, before, "{}", name(&route));
    }
}

#[tokio::test]
async fn a_key_with_the_scope_is_served_on_every_route() {
    let (app, _) = gateway().await;
    for (route, requirement) in guarded(&app) {
        let things = Things::new(&app).await;
        let client = app.key(&right(requirement)).await;
        let example = Example::of(&route);
        let answer = example.send(&client, &things).await;
        assert_eq!(answer.code(), example.status(), "{}: {}", name(&route), answer.text);
        assert_eq!(answer.header("cache-control"), "no-store", "AUTH-09 {}", name(&route));
    }
}

/// The holder of a key of one request a minute.
async fn limited(app: &App, scopes: &str) -> Client {
    app.key_of("default", scopes, |mut ask| {
        ask.rate_limit = Some(1.try_into().unwrap());
        ask
    })
    .await
}
