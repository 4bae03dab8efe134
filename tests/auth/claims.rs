//! `/auth/claims/{token}`: a secret that waits, once, for five minutes.

use dalston_model::{Target, TenantId};
use dalston_service::NewSecret;
use dalston_work::{SharedWorkStorage, contract::WorkFixture};
use futures_util::future::join_all;
use kit::{
    app::{App, Start},
    client::{Answer, Client},
    log, stores,
};
use reqwest::Method;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::time::Duration;

const ACCEPT: &str = "accept";
const OF_A_FORM: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// A key whose secret waits: its path. Neither may be in the log.
async fn waiting(app: &App) -> (Client, String) {
    let key = app.key("jobs:read").await;
    let secret = dalston_auth::KeyFormat::default().parse(key.secret.as_ref().unwrap()).unwrap();
    let claims = &app.runtime.services.claim_links;
    let token =
        claims.offer(&TenantId::default(), &Target::key(key.id.unwrap()), &NewSecret::Key(secret)).await.unwrap();
    log::guard(&token);
    (key, format!("/auth/claims/{token}"))
}

async fn open(app: &App, path: &str) -> Answer {
    Answer::of(app.anon().request(Method::POST, path)).await
}

/// A gateway on memory, and its store.
async fn gateway() -> (App, SharedWorkStorage) {
    let fixture = stores::memory().await;
    let store = fixture.store.clone();
    (Start::default().on(fixture).start().await, store)
}

#[tokio::test]
async fn the_secret_is_given_once() {
    let app = App::start().await;
    let (key, path) = waiting(&app).await;
    let answer = open(&app, &path).await.expect(200);
    assert_eq!(answer.json, json!({"key": key.secret}));
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    let again = open(&app, &path).await.expect(404);
    assert_eq!((again.problem(), &again.json["detail"]), ("not_found", &json!("Claim not found")));
    app.anon().get(&path).await.expect(404);

    let records = app.master().get("/v1/audit?action=secret.claimed").await.expect(200);
    assert_eq!(records.json.as_array().unwrap().len(), 1);
    let record = &records.json[0];
    assert_eq!((&record["door"], &record["actor"]["kind"]), (&json!("http"), &json!("gateway")));
    assert_eq!(record["target"], json!({"kind": "key", "id": key.id.unwrap().to_string()}));
    assert_eq!(record["address"], "127.0.0.1");
    assert_eq!(record["request_id"], answer.header("x-request-id"));
}

#[tokio::test]
async fn the_page_opens_nothing_however_often_it_is_looked_at() {
    let (app, store) = gateway().await;
    let (key, path) = waiting(&app).await;
    let before = store.checkpoint().await.unwrap().seq;
    for _ in 0..3 {
        let page = app.anon().get(&path).await.expect(200);
        assert!(
            page.text.contains("<form method=\"post\"><button>") && !page.text.contains(key.secret.as_ref().unwrap())
        );
        Answer::of(app.anon().request(Method::HEAD, &path)).await.expect(200);
    }
    assert_eq!(store.checkpoint().await.unwrap().seq, before);
    open(&app, &path).await.expect(200);
}

#[tokio::test]
async fn both_pages_load_nothing_run_nothing_and_stay_nowhere() {
    let app = App::start().await;
    let (key, path) = waiting(&app).await;
    let waits = app.anon().get(&path).await.expect(200);
    let opened = Answer::of(app.anon().request(Method::POST, &path).header(ACCEPT, OF_A_FORM)).await.expect(200);
    assert!(opened.text.contains(&format!("<code>{}</code>", key.secret.as_ref().unwrap())));
    for page in [waits, opened] {
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        let (_, style) = page.text.split_once("<style>").unwrap();
        let style = base64(&Sha256::digest(style.split_once("</style>").unwrap().0));
        assert_eq!(
            page.header("content-security-policy"),
            format!(
                "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; frame-ancestors 'none'; \
                 base-uri 'none'"
            )
        );
        assert_eq!(page.header("cache-control"), "no-store");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("x-robots-tag"), "noindex, nofollow");
        assert!(!page.text.contains("<script") && !page.text.contains("http"), "{}", page.text);
    }
}

#[tokio::test]
async fn of_many_who_ask_at_once_one_gets_it_on_whichever_node() {
    let fixture = stores::memory().await;
    let other = WorkFixture {
        store: fixture.store.clone(),
        limits: fixture.limits.clone(),
        clock: fixture.clock.clone(),
        again: None,
        keep: Box::new(()),
    };
    let here = Start::default().on(fixture).start().await;
    let there = Start::default().on(other).start().await;
    let (_, path) = waiting(&here).await;
    there.anon().get(&path).await.expect(200);
    let asking = (0..16).map(|count| open(if count % 2 == 0 { &here } else { &there }, &path));
    let mut codes: Vec<u16> = join_all(asking).await.iter().map(Answer::code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [&[200][..], &[404; 15]].concat());
}

#[tokio::test]
async fn after_five_minutes_nothing_waits() {
    let app = App::start().await;
    let (_, path) = waiting(&app).await;
    let (_, other) = waiting(&app).await;
    app.clock.advance(Duration::from_secs(299));
    open(&app, &other).await.expect(200);
    app.clock.advance(Duration::from_secs(1));
    app.anon().get(&path).await.expect(404);
    open(&app, &path).await.expect(404);
}

#[tokio::test]
async fn a_token_of_another_shape_opens_nothing() {
    let app = App::start().await;
    let (_, path) = waiting(&app).await;
    let upper = path.to_uppercase().replace("/AUTH/CLAIMS/", "/auth/claims/");
    let short = &path[..path.len() - 1];
    for path in [&upper, short, &format!("{path}0"), "/auth/claims/x", "/auth/claims/%00", "/auth/claims/..%2Fkeys"] {
        open(&app, path).await.expect(404);
        assert_eq!(app.anon().get(path).await.expect(404).problem(), "not_found", "{path}");
    }
    open(&app, &path).await.expect(200);
}

#[tokio::test]
async fn guesses_are_failed_attempts() {
    let app = Start::default().set("DALSTON_AUTH_FAILURES_PER_MINUTE", "3").start().await;
    let (_, path) = waiting(&app).await;
    let guess = format!("/auth/claims/{}", "0".repeat(64));
    for _ in 0..3 {
        open(&app, &guess).await.expect(404);
    }
    assert_eq!(open(&app, &guess).await.expect(429).problem(), "rate_limited");
    assert_eq!(app.anon().get(&guess).await.expect(429).header("cache-control"), "no-store");
    open(&app, &path).await.expect(200);
}

/// RFC 4648 §4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let chunk = |chunk: &[u8]| {
        let bits = chunk.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        let sign = move |at: usize| {
            if at > chunk.len() { '=' } else { char::from(ALPHABET[(bits >> (18 - 6 * at)) as usize & 63]) }
        };
        (0..4).map(sign).collect::<String>()
    };
    bytes.chunks(3).map(chunk).collect()
}

#[tokio::test]
async fn the_secret_of_a_key_that_is_good_for_nothing_waits_no_longer() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let gone = async |path: &str| {
        app.anon().get(path).await.expect(404);
        let answer = open(&app, path).await.expect(404);
        assert_eq!((answer.problem(), &answer.json["detail"]), ("not_found", &json!("Claim not found")));
    };
    let (revoked, path) = waiting(&app).await;
    admin.delete(&format!("/auth/keys/{}", revoked.id.unwrap())).await.expect(200);
    gone(&path).await;
    let (rotated, path) = waiting(&app).await;
    let rotate = format!("/auth/keys/{}/rotate", rotated.id.unwrap());
    admin.post(&rotate, json!({"overlap_seconds": 60})).await.expect(200).secret();
    app.anon().get(&path).await.expect(200);
    app.clock.advance(Duration::from_secs(61));
    gone(&path).await;
    let (expired, path) = waiting(&app).await;
    let ends = app.clock_now().plus(Duration::from_secs(60)).to_string();
    let key = format!("/auth/keys/{}", expired.id.unwrap());
    admin.patch(&key, json!({"expires_at": ends})).await.expect(200);
    app.clock.advance(Duration::from_secs(61));
    gone(&path).await;
    let (disabled, path) = waiting(&app).await;
    let key = format!("/auth/keys/{}", disabled.id.unwrap());
    admin.patch(&key, json!({"enabled": false})).await.expect(200);
    open(&app, &path).await.expect(200);
    let opened = app.master().get("/v1/audit?action=secret.claimed").await.expect(200);
    assert_eq!(opened.json.as_array().unwrap().len(), 1, "what is refused is no claim");
}
