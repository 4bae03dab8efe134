//! Rate limits: what an answer says of them, and the promise of API.md §4 (RATE-01 to RATE-08).

mod shared;

use dalston_model::{Clock, Entropy, SeededEntropy, Timestamp};
use kit::{
    app::App,
    client::{Answer, Client},
};
use serde_json::json;
use std::time::Duration;

/// The holder of a key with this limit.
async fn limited(app: &App, scopes: &str, per_minute: u32) -> Client {
    app.key_of("default", scopes, |mut ask| {
        ask.rate_limit = Some(per_minute.try_into().unwrap());
        ask
    })
    .await
}

/// The parameters of the one item of a structured field (RFC 9651): its name in quotes, then `;name=integer`.
fn parameters(field: &str) -> Vec<(&str, u64)> {
    let rest = field.strip_prefix("\"key\";").unwrap_or_else(|| panic!("{field}"));
    rest.split(';')
        .map(|pair| pair.split_once('=').map(|(name, value)| (name, value.parse().unwrap())).unwrap())
        .collect()
}

/// What is left, and in how many seconds there is more.
fn left(answer: &Answer) -> (u64, u64) {
    match parameters(answer.header("ratelimit"))[..] {
        [("r", left), ("t", seconds)] => (left, seconds),
        _ => panic!("{}", answer.header("ratelimit")),
    }
}

#[tokio::test]
async fn every_answer_to_a_limited_key_says_what_is_left() {
    let app = App::start().await;
    let client = limited(&app, "jobs:read", 5).await;
    let paths = [("/auth/me", 200), ("/auth/keys", 403), ("/nowhere", 404), ("/v1/audio/transcriptions?limit=0", 422)];
    for (used, (path, status)) in paths.into_iter().enumerate() {
        let answer = client.get(path).await.expect(status);
        assert_eq!(parameters(answer.header("ratelimit-policy")), [("q", 5), ("w", 60)], "RATE-01 {path}");
        assert_eq!(left(&answer).0, 4 - used as u64, "RATE-06 a unit each, a 403 too: {path}");
        assert!((60..=61).contains(&left(&answer).1), "{path}");
    }
}

#[tokio::test]
async fn a_key_without_a_limit_is_told_nothing_and_never_refused() {
    let app = App::start().await;
    let client = app.key("jobs:read").await;
    for _ in 0..200 {
        let answer = client.get("/auth/me").await.expect(200);
        assert_eq!((answer.header("ratelimit"), answer.header("ratelimit-policy")), ("", ""));
    }
}

#[tokio::test]
async fn after_retry_after_the_next_request_is_admitted() {
    let app = App::start().await;
    let client = limited(&app, "jobs:read", 3).await;
    for _ in 0..3 {
        client.get("/auth/me").await.expect(200);
        app.clock.advance(Duration::from_millis(7_300));
    }
    for _ in 0..5 {
        let refused = client.get("/auth/me").await.expect(429);
        assert_eq!(refused.problem(), "rate_limited");
        assert_eq!(refused.json["detail"], "Rate limit exceeded (3/min)");
        assert_eq!(refused.json["type"], "https://iana.org/assignments/http-problem-types#quota-exceeded");
        let wait: u64 = refused.header("retry-after").parse().unwrap();
        assert_eq!(left(&refused), (0, wait), "RATE-01");
        app.clock.advance(Duration::from_secs(wait));
        client.get("/auth/me").await.expect(200);
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_holds_nobody_longer_than_a_window() {
    for back in [59, 62, 3_600] {
        let app = App::start().await;
        app.clock.advance(Duration::from_secs(10));
        let client = limited(&app, "jobs:read", 2).await;
        for _ in 0..2 {
            client.get("/auth/me").await.expect(200);
        }
        for _ in 0..2 {
            app.clock.set(Timestamp::from_micros(app.clock.now().as_micros() - back * 1_000_000));
            let refused = client.get("/auth/me").await.expect(429);
            assert!(refused.header("retry-after").parse::<u64>().unwrap() <= 61, "{back} seconds back");
        }
        app.clock.advance(Duration::from_secs(61));
        client.get("/auth/me").await.expect(200);
    }
}

#[tokio::test]
async fn a_refused_request_costs_nothing() {
    let app = App::start().await;
    let client = limited(&app, "jobs:read", 2).await;
    for _ in 0..2 {
        client.get("/auth/me").await.expect(200);
    }
    for _ in 0..61 {
        client.get("/auth/me").await.expect(429);
        app.clock.advance(Duration::from_secs(1));
    }
    for _ in 0..2 {
        client.get("/auth/me").await.expect(200);
    }
}

#[tokio::test]
async fn a_wrong_scope_costs_a_unit_and_a_wrong_key_does_not() {
    let app = App::start().await;
    let client = limited(&app, "jobs:read", 2).await;
    for _ in 0..2 {
        client.get("/auth/keys").await.expect(403);
    }
    client.get("/auth/me").await.expect(429);
    client.get("/auth/keys").await.expect(429);

    let other = limited(&app, "jobs:read", 1).await;
    let secret = other.secret.clone().unwrap();
    app.with(&secret[..51]).get("/auth/me").await.expect(401);
    other.get_with("/auth/me", &[("x-api-key", &secret)]).await.expect(400);
    other.get("/auth/me").await.expect(200);
}

#[tokio::test]
async fn no_window_of_a_minute_holds_more_than_the_limit() {
    let app = App::start().await;
    for seed in 1..=3 {
        let client = limited(&app, "jobs:read", 5).await;
        let chance = SeededEntropy::new(seed);
        let (mut admitted, mut refused) = (Vec::new(), 0);
        for _ in 0..120 {
            app.clock.advance(gap(&chance));
            match client.get("/auth/me").await.code() {
                200 => admitted.push(app.clock.now().as_micros()),
                429 => refused += 1,
                code => panic!("{code}"),
            }
        }
        assert!(densest(&admitted) <= 5, "RATE-02 RATE-03 seed {seed}");
        assert!(refused > 0 && admitted.len() > 20, "seed {seed}: {refused} refused");
    }
}

/// Up to 16 seconds, seldom long.
fn gap(chance: &SeededEntropy) -> Duration {
    let mut bytes = [0; 3];
    chance.fill(&mut bytes).unwrap();
    let micros = u64::from(u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]));
    Duration::from_micros(if bytes[2] % 4 == 0 { micros } else { micros / 8 })
}

/// The most in any 60 seconds, half open, that begin at one.
fn densest(admitted: &[i64]) -> usize {
    let within = |from: &i64| admitted.iter().filter(|at| (*from..*from + 60_000_000).contains(*at)).count();
    admitted.iter().map(within).max().unwrap_or(0)
}

#[tokio::test]
async fn steady_traffic_at_95_percent_is_never_refused() {
    let app = App::start().await;
    let client = limited(&app, "jobs:read", 20).await;
    for _ in 0..19 * 5 {
        client.get("/auth/me").await.expect(200);
        app.clock.advance(Duration::from_micros(60_000_000 / 19));
    }
}

#[tokio::test]
async fn fifty_at_once_are_admitted_up_to_the_limit() {
    let app = App::start().await;
    let client = limited(&app, "jobs:read", 7).await;
    let answers = futures_util::future::join_all((0..50).map(|_| client.get("/auth/me"))).await;
    let admitted = answers.iter().filter(|answer| answer.code() == 200).count();
    let refused = answers.iter().filter(|answer| answer.code() == 429).count();
    assert_eq!((admitted, refused), (7, 43), "RATE-02");
}

#[tokio::test]
async fn a_limit_is_changed_at_once() {
    let app = App::start().await;
    let client = limited(&app, "jobs:read", 5).await;
    let path = format!("/auth/keys/{}", client.id.unwrap());
    for _ in 0..3 {
        client.get("/auth/me").await.expect(200);
    }
    app.master().patch(&path, json!({"rate_limit": 3})).await.expect(200);
    client.get("/auth/me").await.expect(429);
    app.master().patch(&path, json!({"rate_limit": 4})).await.expect(200);
    assert_eq!(left(&client.get("/auth/me").await.expect(200)).0, 0);
    client.get("/auth/me").await.expect(429);
    app.master().patch(&path, json!({"rate_limit": null})).await.expect(200);
    client.get("/auth/me").await.expect(200);
}

#[tokio::test]
async fn keys_are_limited_apart() {
    let app = App::start().await;
    let (one, two) = (limited(&app, "jobs:read", 1).await, limited(&app, "jobs:read", 1).await);
    one.get("/auth/me").await.expect(200);
    one.get("/auth/me").await.expect(429);
    two.get("/auth/me").await.expect(200);
}

#[tokio::test]
async fn the_limit_is_decided_before_the_scope_and_the_body() {
    let app = App::start().await;
    let client = limited(&app, "jobs:read", 1).await;
    client.get("/auth/me").await.expect(200);
    client.post("/auth/keys", json!({"nonsense": true})).await.expect(429);
    client.get("/nowhere").await.expect(429);
    client.delete("/auth/me").await.expect(429);
}
