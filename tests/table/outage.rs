//! The store stopped: an outage is never a refusal, and never an open door (CACHE-01).

use super::{
    callers::{misspelt, right, unknown},
    example::{Example, Things},
    guarded, name,
};
use dalston_command::Handler;
use dalston_gateway::routes;
use futures_util::future::join_all;
use kit::{
    app::{App, Start},
    servers::Redis,
    stores,
};
use redis::aio::MultiplexedConnection;
use std::time::Duration;

/// A gateway whose store was killed, and keys with every scope that were live.
async fn stopped() -> (App, Redis, Things) {
    let server = Redis::start(&[]);
    let app = Start::default().delivers().on(stores::redis_at(server.url()).await).start().await;
    let things = Things::new(&app).await;
    (app, server, things)
}

#[tokio::test]
async fn with_the_store_stopped_every_route_is_unavailable_and_no_key_is_called_invalid() {
    let (app, server, things) = stopped().await;
    let mut callers = Vec::new();
    for (route, requirement) in guarded(&app) {
        callers.push((route, app.key(&right(requirement)).await));
    }
    server.kill();
    for (route, client) in callers {
        let answer = Example::of(&route).send(&client, &things).await;
        assert_eq!((answer.code(), answer.problem()), (503, "unavailable"), "{}: {}", name(&route), answer.text);
        assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0, "{}", name(&route));
        assert_eq!(answer.header("www-authenticate"), "", "{}", name(&route));
    }
    app.with(&unknown()).get("/auth/me").await.expect(503);
    for handler in [Handler::Health, Handler::Ready] {
        let route = routes(&app.runtime.registry).into_iter().find(|it| it.handler() == Some(handler)).unwrap();
        let answer = Example::of(&route).send(&app.anon(), &things).await;
        assert_eq!(answer.code(), if handler == Handler::Health { 200 } else { 503 }, "OBS-02");
    }
}

#[tokio::test]
async fn with_the_store_stopped_a_use_of_the_master_key_cannot_be_recorded_and_is_unavailable() {
    let (app, server, _) = stopped().await;
    server.kill();
    for path in ["/auth/me", "/auth/keys", "/status"] {
        let answer = app.master().get(path).await;
        assert_eq!((answer.code(), answer.problem()), (503, "unavailable"), "SEC-02 {path}");
    }
    let report = app.runtime.services.status.report(&app.permit("default")).await;
    assert_eq!((report.status.as_str(), report.components["store"].as_str()), ("degraded", "down"));
}

#[tokio::test]
async fn a_malformed_key_never_asks_the_store() {
    let (app, server, _) = stopped().await;
    let live = app.key("jobs:read").await.secret.unwrap();
    server.kill();
    let too_long = format!("{live}0");
    let other_prefix = live.replacen("dk_", "sk_", 1);
    let no_prefix = live.replacen("dk_", "", 1);
    let upper = live.replacen("dk_", "DK_", 1);
    let uri = format!("secret-token:{live}");
    let dashed = format!("dk_{}-{}", &live[3..20], &live[21..]);
    let misspelt = misspelt(&live);
    let wrong =
        ["dk_", "dk_invalid", &too_long, &live[..51], &other_prefix, &no_prefix, &upper, &uri, &dashed, &misspelt];
    for secret in wrong {
        let answer = app.with(secret).get("/auth/me").await;
        assert_eq!((answer.code(), answer.problem()), (401, "invalid_credential"), "AUTH-04 KEY-13 {secret}");
    }
    app.with(&live).get("/auth/me").await.expect(503);
}

#[tokio::test]
async fn a_store_that_is_back_serves_again() {
    let (app, mut server, _) = stopped().await;
    let reader = app.key("jobs:read").await;
    server.kill();
    reader.get("/auth/me").await.expect(503);
    app.anon().get("/health/ready").await.expect(503);
    server.restart();
    app.clock.advance(Duration::from_secs(1));
    app.anon().get("/health/ready").await.expect(200);
    reader.get("/auth/me").await.expect(200);
}

/// Connections that the server has taken so far.
async fn connections(connection: &mut MultiplexedConnection) -> u64 {
    let stats: String = redis::cmd("INFO").arg("stats").query_async(connection).await.unwrap();
    let line = stats.lines().find_map(|line| line.strip_prefix("total_connections_received:")).unwrap();
    line.trim().parse().unwrap()
}

#[tokio::test]
async fn however_many_ask_at_one_moment_whether_it_is_ready_the_store_is_asked_once() {
    let (app, server, _) = stopped().await;
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let anon = app.anon();
    for _ in 0..2 {
        let before = connections(&mut connection).await;
        for answer in join_all((0..20).map(|_| anon.get("/health/ready"))).await {
            answer.expect(200);
        }
        // One for them all, beside those that look twice a second whether the address still leads to the same server.
        let made = connections(&mut connection).await - before;
        assert!((1..20).contains(&made), "{made}");
        app.clock.advance(Duration::from_secs(1));
    }
}
