//! `POST /auth/tickets`: credentials that open one stream, once.

use dalston_auth::{KeyExpiry, NewKey};
use dalston_model::RateLimit;

use dalston_work::contract::WorkFixture;
use kit::{
    app::{App, MASTER, Start},
    client::Client,
    log,
    socket::{REALTIME, STREAM, Socket},
    stores,
    workers::Echo,
};
use serde_json::{Value, json};
use std::time::Duration;

const INVALID: (u16, &str) = (4001, "Invalid API key");
const ORIGIN: &str = "https://app.example.com";

async fn streaming() -> App {
    Start::default().worker(Echo).set("DALSTON_ALLOWED_ORIGINS", ORIGIN).start().await
}

/// A ticket, made by this key.
async fn ticket(client: &Client, ask: Value) -> String {
    let made = client.post("/auth/tickets", ask).await.expect(201).json;
    let ticket = made["ticket"].as_str().unwrap().to_owned();
    log::guard(&ticket);
    ticket
}

fn for_stream() -> Value {
    json!({"path": STREAM})
}

/// Opens the stream with a ticket in the query.
async fn with(app: &App, ticket: &str) -> Socket {
    Socket::open(app.address, &format!("?ticket={ticket}"), &[]).await.unwrap()
}

#[track_caller]
fn is_invalid(closed: (u16, String)) {
    assert_eq!((closed.0, closed.1.as_str()), INVALID);
}

#[tokio::test]
async fn a_ticket_opens_one_stream_once_from_the_query_or_the_subprotocol() {
    let app = streaming().await;
    let key = app.key("realtime").await;
    let made = key.post("/auth/tickets", for_stream()).await.expect(201);
    assert_eq!(made.json["expires_at"], app.clock_now().plus(Duration::from_secs(30)).to_string());
    let ticket_text = made.json["ticket"].as_str().unwrap();
    log::guard(ticket_text);
    assert!(ticket_text.starts_with("dt_") && ticket_text.len() == 52);
    let mut socket = with(&app, ticket_text).await;
    assert_eq!(socket.hear().await["type"], "session.begin");
    is_invalid(with(&app, ticket_text).await.closed().await);

    let second = ticket(&key, for_stream()).await;
    let offer = format!("dalston, dalston.ticket.{second}");
    let headers = [("sec-websocket-protocol", offer.as_str()), ("origin", ORIGIN)];
    let mut socket = Socket::open(app.address, "", &headers).await.unwrap();
    assert_eq!(socket.protocol, "dalston", "RFC 6455 §4.2.2: and never the ticket");
    assert_eq!(socket.hear().await["type"], "session.begin");
    let mut again = Socket::open(app.address, "", &headers).await.unwrap();
    assert_eq!(again.protocol, "dalston", "a browser reads the code only then");
    is_invalid(again.closed().await);
    let audit = app.key("admin").await.get("/v1/audit?action=ticket.created").await.expect(200).json;
    assert_eq!(audit.as_array().unwrap().len(), 2);
    assert_eq!(audit[0]["target"]["id"], key.id.unwrap().to_string());
}

#[tokio::test]
async fn a_ticket_is_bound_to_its_path_its_origin_and_its_time_and_a_wrong_use_spends_it() {
    let app = streaming().await;
    let key = app.key("realtime").await;
    let bound = json!({"path": STREAM, "origin": ORIGIN});
    let other_origin = format!("http://{}", app.address);
    for headers in [&[][..], &[("origin", other_origin.as_str())]] {
        let ticket = ticket(&key, bound.clone()).await;
        let query = format!("?ticket={ticket}");
        is_invalid(Socket::open(app.address, &query, headers).await.unwrap().closed().await);
        is_invalid(Socket::open(app.address, &query, &[("origin", ORIGIN)]).await.unwrap().closed().await);
    }
    let good = ticket(&key, bound).await;
    let mut socket = Socket::open(app.address, &format!("?ticket={good}"), &[("origin", ORIGIN)]).await.unwrap();
    assert_eq!(socket.hear().await["type"], "session.begin");

    let elsewhere = ticket(&key, for_stream()).await;
    let path = format!("{REALTIME}&ticket={elsewhere}");
    is_invalid(Socket::at(app.address, &path, &[]).await.unwrap().closed().await);

    let (short, long) =
        (ticket(&key, json!({"path": STREAM, "ttl_seconds": 5})).await, ticket(&key, for_stream()).await);
    app.clock.advance(Duration::from_secs(5));
    is_invalid(with(&app, &short).await.closed().await);
    assert_eq!(with(&app, &long).await.hear().await["type"], "session.begin");
}

#[tokio::test]
async fn a_ticket_is_dead_with_its_key_and_loses_the_scope_with_it() {
    let app = streaming().await;
    let admin = app.key("admin").await;
    let path = |client: &Client| format!("/auth/keys/{}", client.id.unwrap());
    let (revoked, disabled, demoted) =
        (app.key("realtime").await, app.key("realtime").await, app.key("realtime").await);
    let in_ten = |ask| NewKey { ends: KeyExpiry::In(Duration::from_secs(10)), ..ask };
    let expired = app.key_of("default", "realtime", in_ten).await;
    let mut tickets = Vec::new();
    for key in [&revoked, &disabled, &expired, &demoted] {
        tickets.push(ticket(key, for_stream()).await);
    }
    admin.delete(&path(&revoked)).await.expect(200);
    admin.patch(&path(&disabled), json!({"enabled": false})).await.expect(200);
    admin.patch(&path(&demoted), json!({"scopes": ["jobs:read"]})).await.expect(200);
    app.clock.advance(Duration::from_secs(10));
    for ticket in &tickets[..3] {
        is_invalid(with(&app, ticket).await.closed().await);
    }
    assert_eq!(with(&app, &tickets[3]).await.closed().await, (4003, "Missing 'realtime' scope".to_owned()));
    demoted.post("/auth/tickets", for_stream()).await.expect(403);
}

#[tokio::test]
async fn a_stream_of_a_ticket_ends_with_its_key_and_when_its_time_is_up() {
    let app = streaming().await;
    let key = app.key("realtime").await;
    let limited = json!({"path": STREAM, "max_session_seconds": 60});
    let mut short = with(&app, &ticket(&key, limited).await).await;
    let mut long = with(&app, &ticket(&key, for_stream()).await).await;
    for socket in [&mut short, &mut long] {
        assert_eq!(socket.hear().await["type"], "session.begin");
    }
    app.pass(Duration::from_secs(59)).await;
    short.play(&[0; 7]).await;
    assert_eq!(short.hear().await["text"], "7");
    app.pass(Duration::from_secs(1)).await;
    assert_eq!(short.hear().await["type"], "session.end", "the worker says the rest");
    assert_eq!(short.closed().await, (1000, "The session's time is up".to_owned()));
    app.key("admin").await.delete(&format!("/auth/keys/{}", key.id.unwrap())).await.expect(200);
    is_invalid(long.closed().await);
}

#[tokio::test]
async fn a_ticket_beside_another_credential_is_ambiguous_and_is_taken_at_no_other_door() {
    let app = streaming().await;
    let key = app.key("realtime").await;
    let secret = key.secret.as_ref().unwrap();
    let good = ticket(&key, for_stream()).await;
    let (query, offer) = (format!("?ticket={good}"), format!("dalston, dalston.ticket.{good}"));
    for (query, headers) in [
        (query.as_str(), &[("x-api-key", secret.as_str())][..]),
        (&query, &[("sec-websocket-protocol", &offer)]),
        (&format!("{query}&ticket={good}"), &[]),
        (&format!("{query}&api_key={secret}"), &[]),
    ] {
        is_invalid(Socket::open(app.address, query, headers).await.unwrap().closed().await);
    }
    assert_eq!(app.anon().get(&format!("/auth/me?ticket={good}")).await.problem(), "missing_credential");
    assert_eq!(app.with(&good).get("/auth/me").await.problem(), "invalid_credential");
    is_invalid(Socket::open(app.address, &format!("?ticket={secret}"), &[]).await.unwrap().closed().await);
    is_invalid(Socket::open(app.address, &format!("?api_key={good}"), &[]).await.unwrap().closed().await);
    assert_eq!(with(&app, &good).await.hear().await["type"], "session.begin", "none of these has spent it");
}

#[tokio::test]
async fn tickets_count_as_requests_of_their_key_and_bad_ones_as_failed_attempts() {
    let start = Start::default().worker(Echo).set("DALSTON_AUTH_FAILURES_PER_MINUTE", "2");
    let app = start.start().await;
    let twice = |ask| NewKey { rate_limit: RateLimit::new(2).ok(), ..ask };
    let key = app.key_of("default", "realtime", twice).await;
    let (first, second) = (ticket(&key, for_stream()).await, ticket(&key, for_stream()).await);
    for ticket in [first, second] {
        assert_eq!(with(&app, &ticket).await.closed().await, (4029, "Rate limit exceeded".to_owned()));
    }
    let unknown = format!("dt_{}", "a".repeat(43));
    for code in [4001, 4001, 4029] {
        assert_eq!(with(&app, &unknown).await.closed().await.0, code, "BRUTE");
    }
}

#[tokio::test]
async fn what_is_asked_of_a_ticket_is_checked_and_only_keys_have_them() {
    let app = streaming().await;
    let key = app.key("realtime").await;
    for (wrong, field) in [
        (json!({"path": "/v1/audio/transcriptions"}), "path"),
        (json!({"path": STREAM, "origin": "app.example.com"}), "origin"),
        (json!({"path": STREAM, "ttl_seconds": 4}), "ttl_seconds"),
        (json!({"path": STREAM, "ttl_seconds": 301}), "ttl_seconds"),
        (json!({"path": STREAM, "max_session_seconds": 0}), "max_session_seconds"),
        (json!({"path": STREAM, "scopes": ["admin"]}), "scopes"),
    ] {
        assert_eq!(key.post("/auth/tickets", wrong).await.expect(422).fields(), [field]);
    }
    assert_eq!(app.with(MASTER).post("/auth/tickets", for_stream()).await.expect(409).problem(), "conflict");
    let platform = app.key("platform").await;
    app.key_of("acme", "realtime", |ask| ask).await;
    let headers = [("x-dalston-tenant", "acme")];
    let made = platform.post_with("/auth/tickets", for_stream(), &headers).await.expect(201).json;
    log::guard(made["ticket"].as_str().unwrap());
    let mut socket = with(&app, made["ticket"].as_str().unwrap()).await;
    assert_eq!(socket.hear().await["type"], "session.begin");
    assert_eq!(app.runtime.services.streams.count(&"acme".parse().unwrap()), 1, "it works where it was made");
}

async fn a_ticket_is_redeemed_once_whichever_nodes_are_asked(fixture: WorkFixture) {
    let other = stores::shared(&fixture);
    let here = Start::default().worker(Echo).on(fixture).start().await;
    let there = Start::default().worker(Echo).on(other).start().await;
    let key = here.key("realtime").await;
    for _ in 0..5 {
        let ticket = ticket(&key, for_stream()).await;
        let opening = (0..6).map(|n| {
            let (app, ticket) = (if n % 2 == 0 { &here } else { &there }, &ticket);
            async move {
                let mut socket = with(app, ticket).await;
                match socket.either().await {
                    Ok(said) => {
                        assert_eq!(said["type"], "session.begin");
                        true
                    }
                    Err(closed) => {
                        assert!(matches!(closed, 4001 | 4029), "{closed}");
                        false
                    }
                }
            }
        });
        let opened = futures_util::future::join_all(opening).await.into_iter().filter(|opened| *opened).count();
        assert_eq!(opened, 1);
    }
}

#[tokio::test]
async fn a_ticket_is_redeemed_once_on_two_nodes_of_memory() {
    a_ticket_is_redeemed_once_whichever_nodes_are_asked(stores::memory().await).await;
}

#[tokio::test]
async fn a_ticket_is_redeemed_once_on_two_nodes_of_sqlite() {
    a_ticket_is_redeemed_once_whichever_nodes_are_asked(stores::sqlite().await).await;
}
