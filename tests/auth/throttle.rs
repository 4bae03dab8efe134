//! Failed attempts: so many a minute from one address, and valid keys untouched (BRUTE-01, BRUTE-02).

use dalston_model::{Clock, Timestamp};
use kit::app::{App, Start};
use std::time::Duration;

const FORWARDED: &str = "x-forwarded-for";

/// A gateway that lets an address fail three times a minute.
async fn strict() -> App {
    Start::default().set("DALSTON_AUTH_FAILURES_PER_MINUTE", "3").start().await
}

/// One that believes the proxies of this network too.
async fn behind(proxies: &str) -> App {
    let start = Start::default().set("DALSTON_AUTH_FAILURES_PER_MINUTE", "3");
    start.set("DALSTON_TRUSTED_PROXIES", proxies).start().await
}

/// How often an address may fail until it may no more.
async fn failures(app: &App, forwarded: &[&str]) -> usize {
    let headers: Vec<(&'static str, &str)> = forwarded.iter().map(|value| (FORWARDED, *value)).collect();
    let thief = app.with("dk_guess");
    for count in 0..100 {
        let answer = thief.get_with("/auth/me", &headers).await;
        match answer.code() {
            401 => {}
            429 => return count,
            _ => panic!("{}", answer.text),
        }
    }
    panic!("nobody stops it")
}

#[tokio::test]
async fn thirty_failures_a_minute_then_429_until_retry_after() {
    let app = App::start().await;
    assert_eq!(failures(&app, &[]).await, 30);
    let refused = app.with("dk_guess").get("/auth/me").await;
    assert_eq!((refused.code(), refused.problem()), (429, "rate_limited"));
    assert_eq!(refused.header("www-authenticate"), "");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    app.clock.advance(Duration::from_secs(wait));
    app.with("dk_guess").get("/auth/me").await.expect(401);
    app.with("dk_guess").get("/auth/me").await.expect(429);
}

#[tokio::test]
async fn no_step_of_the_time_of_day_holds_an_address_longer() {
    for step in [-3_600_000_000, -62_000_000, -59_000_000] {
        let app = strict().await;
        app.clock.advance(Duration::from_secs(10));
        assert_eq!(failures(&app, &[]).await, 3);
        for _ in 0..2 {
            app.clock.set(Timestamp::from_micros(app.clock.now().as_micros() + step));
            let refused = app.with("dk_guess").get("/auth/me").await.expect(429);
            assert!(refused.header("retry-after").parse::<u64>().unwrap() <= 20, "a third of a minute");
        }
        app.clock.advance(Duration::from_secs(60));
        assert_eq!(failures(&app, &[]).await, 3);
    }
}

#[tokio::test]
async fn a_valid_key_and_no_key_at_all_are_untouched_by_the_failures_of_others() {
    let app = strict().await;
    let reader = app.key("jobs:read").await;
    assert_eq!(failures(&app, &[]).await, 3);
    for _ in 0..10 {
        reader.get("/auth/me").await.expect(200);
        app.master().get("/auth/me").await.expect(200);
        app.anon().get("/auth/me").await.expect(401);
        app.anon().get("/health").await.expect(200);
    }
}

#[tokio::test]
async fn a_missing_credential_or_scope_is_no_failed_attempt() {
    let app = strict().await;
    let reader = app.key("jobs:read").await;
    for _ in 0..10 {
        app.anon().get("/auth/me").await.expect(401);
        reader.get("/auth/keys").await.expect(403);
        reader.get("/nowhere").await.expect(404);
    }
    assert_eq!(failures(&app, &[]).await, 3);
}

#[tokio::test]
async fn every_kind_of_dead_key_counts() {
    let app = strict().await;
    let revoked = app.key("jobs:read").await;
    app.master().delete(&format!("/auth/keys/{}", revoked.id.unwrap())).await.expect(200);
    for client in [&revoked, &app.with("x"), &app.with(&format!("dk_{}", "a".repeat(43)))] {
        client.get("/auth/me").await.expect(401);
    }
    revoked.get("/auth/me").await.expect(429);
}

#[tokio::test]
async fn forwarded_addresses_of_a_stranger_are_not_believed() {
    let app = strict().await;
    for count in 0..3 {
        let address = format!("198.51.100.{count}");
        app.with("dk_guess").get_with("/auth/me", &[(FORWARDED, &address)]).await.expect(401);
    }
    app.with("dk_guess").get_with("/auth/me", &[(FORWARDED, "198.51.100.9")]).await.expect(429);
    app.with("dk_guess").get_with("/auth/me", &[("forwarded", "for=198.51.100.9")]).await.expect(429);
    app.with("dk_guess").get_with("/auth/me", &[("x-real-ip", "198.51.100.9")]).await.expect(429);
}

#[tokio::test]
async fn forwarded_addresses_of_a_trusted_proxy_are_read_right_to_left() {
    let app = behind("127.0.0.0/8, 10.0.0.0/8").await;
    assert_eq!(failures(&app, &["198.51.100.1"]).await, 3);
    assert_eq!(failures(&app, &["203.0.113.7, 198.51.100.1"]).await, 0, "what the client wrote is not believed");
    assert_eq!(failures(&app, &["203.0.113.7", "198.51.100.1, 10.0.0.2"]).await, 0, "a second proxy");
    assert_eq!(failures(&app, &["198.51.100.2"]).await, 3, "another client");
    assert_eq!(failures(&app, &["198.51.100.1, 198.51.100.3"]).await, 3, "another that names the first");
    assert_eq!(failures(&app, &[]).await, 3, "the proxy itself");
    assert_eq!(failures(&app, &["nonsense"]).await, 0, "the proxy itself");
}

#[tokio::test]
async fn a_customer_of_ipv6_has_one_allowance_for_its_64_bits() {
    let app = behind("127.0.0.1").await;
    assert_eq!(failures(&app, &["2001:db8::1"]).await, 3);
    assert_eq!(failures(&app, &["2001:db8::ffff:1"]).await, 0);
    assert_eq!(failures(&app, &["2001:db8:0:1::1"]).await, 3);
    assert_eq!(failures(&app, &["192.0.2.1"]).await, 3);
    assert_eq!(failures(&app, &["::ffff:192.0.2.1"]).await, 0);
}
