//! Tests of `Verifier` with a manual clock, against servers whose responses are set byte by byte.

use super::server::{Answer, Server, foreign, json, problem};
use crate::{ClientError, Verifier, VerifyError};
use dalston_model::{ManualClock, OsEntropy, Timestamp};
use futures_util::future::join_all;
use std::{sync::Arc, time::Duration};

const SECRET: &str = "dk_4eC39HqLyjWDarjtT1zdp7dc";
const N: Duration = Duration::from_secs(30);
const REFUSED: Duration = Duration::from_secs(5);
const MOMENT: Duration = Duration::from_micros(1);

/// The gateway's answer for a key, with this additional member.
fn key(member: &str) -> Answer {
    json(&format!(
        r#"{{"id": "01890a5d-ac96-774b-bcce-b302099a8057", "prefix": "dk_4eC39Hq", "name": "ci", "tenant_id": "acme",
            "scopes": ["notes:read"], "enabled": true, "metadata": {{}}{member}}}"#
    ))
}

fn refused() -> Answer {
    problem(401, "invalid_credential", "www-authenticate: Bearer\r\n")
}

struct Fixture {
    clock: Arc<ManualClock>,
    server: Server,
    verifier: Verifier,
}

impl Fixture {
    async fn new(answer: Answer) -> Self {
        Self::with(answer, 100).await
    }

    async fn with(answer: Answer, entries: usize) -> Self {
        let clock = ManualClock::new(Timestamp::from_secs(1_700_000_000));
        let server = Server::start(answer).await;
        let builder = Verifier::builder(&server.url).entries(entries).accepted_for(N).refused_for(REFUSED);
        let verifier = builder.clock_and_entropy(clock.clone(), Arc::new(OsEntropy)).build().unwrap();
        Self { clock, server, verifier }
    }

    /// Verifies the secret. Returns the result, and the number of requests so far.
    async fn verify(&self) -> (Result<(), VerifyError>, usize) {
        let verified = self.verifier.verify(SECRET).await.map(|key| {
            assert_eq!((key.name(), key.tenant().as_str(), key.holds("notes:read")), ("ci", "acme", true));
            assert!(!key.holds("notes:write"));
        });
        (verified, self.server.count())
    }
}

#[tokio::test]
async fn a_key_is_asked_for_once_in_the_stated_time() {
    let it = Fixture::new(key("")).await;
    for _ in 0..3 {
        assert_eq!(it.verify().await, (Ok(()), 1));
    }
    let head = it.server.asked().remove(0);
    assert!(head.starts_with("GET /auth/me HTTP/1.1\r\n") && head.contains(&format!("Bearer {SECRET}")), "{head}");
    it.clock.advance(N);
    assert_eq!(it.verify().await, (Ok(()), 2));
}

#[tokio::test]
async fn a_revoked_key_is_refused_after_the_stated_time() {
    let it = Fixture::new(key("")).await;
    assert_eq!(it.verify().await, (Ok(()), 1));
    it.server.answer(refused());
    it.clock.advance(N.saturating_sub(MOMENT));
    assert_eq!(it.verify().await, (Ok(()), 1));
    it.clock.advance(MOMENT);
    assert_eq!(it.verify().await, (Err(VerifyError::Refused), 2));
    // A wall clock that steps back does not revive the entry.
    it.clock.set(Timestamp::from_secs(1_600_000_000));
    assert_eq!(it.verify().await, (Err(VerifyError::Refused), 2));
}

#[tokio::test]
async fn the_stated_time_begins_before_the_gateway_is_asked() {
    let it = Fixture::new(key("")).await;
    it.server.hold();
    let slow = async {
        while it.server.count() == 0 {
            tokio::task::yield_now().await;
        }
        it.clock.advance(N.saturating_sub(MOMENT));
        it.server.release();
    };
    assert_eq!(tokio::join!(it.verify(), slow).0, (Ok(()), 1));
    assert_eq!(it.verify().await, (Ok(()), 1));
    it.clock.advance(MOMENT);
    assert_eq!(it.verify().await.1, 2);
}

#[tokio::test]
async fn a_key_is_not_accepted_from_the_cache_after_its_end() {
    // Ten seconds from now.
    let it = Fixture::new(key(r#", "expires_at": "2023-11-14T22:13:30Z""#)).await;
    assert_eq!(it.verify().await, (Ok(()), 1));
    it.server.answer(refused());
    it.clock.advance(Duration::from_secs(10).saturating_sub(MOMENT));
    assert_eq!(it.verify().await, (Ok(()), 1));
    it.clock.advance(MOMENT);
    assert_eq!(it.verify().await, (Err(VerifyError::Refused), 2));
    // On a machine whose clock is ahead, the key has expired already: the gateway's answer counts, but is not cached.
    let ahead = Fixture::new(key(r#", "expires_at": "2023-01-01T00:00:00Z""#)).await;
    assert_eq!(ahead.verify().await, (Ok(()), 1));
    assert_eq!(ahead.verify().await, (Ok(()), 2));
}

#[tokio::test]
async fn a_refusal_is_cached_for_less_long() {
    let it = Fixture::new(refused()).await;
    for _ in 0..2 {
        assert_eq!(it.verify().await, (Err(VerifyError::Refused), 1));
    }
    it.server.answer(key(""));
    it.clock.advance(REFUSED.saturating_sub(MOMENT));
    assert_eq!(it.verify().await, (Err(VerifyError::Refused), 1));
    it.clock.advance(MOMENT);
    assert_eq!(it.verify().await, (Ok(()), 2));
    assert_eq!(it.verifier.cached(), 1, "it is not refused any more");
}

#[tokio::test]
async fn the_operators_own_secret_is_no_key() {
    let it =
        Fixture::new(json(r#"{"id": null, "name": "master", "tenant_id": "default", "scopes": ["platform"]}"#)).await;
    assert_eq!(it.verify().await, (Err(VerifyError::Refused), 1));
}

#[tokio::test]
async fn what_no_secret_is_is_not_asked_for() {
    let it = Fixture::new(key("")).await;
    let long = "a".repeat(513);
    for wrong in ["", " ", "a b", "a\r\nx-other: b", "é", &long] {
        assert_eq!(it.verifier.verify(wrong).await, Err(VerifyError::Refused), "{wrong:?}");
    }
    assert_eq!((it.server.count(), it.verifier.cached()), (0, 0));
}

#[tokio::test]
async fn a_rate_limit_is_passed_on_and_not_cached() {
    let it = Fixture::new(problem(429, "rate_limited", "retry-after: 7\r\n")).await;
    let limited = Err(VerifyError::RateLimited { retry_after: Some(Duration::from_secs(7)) });
    assert_eq!(it.verify().await, (limited.clone(), 1));
    assert_eq!(it.verify().await, (limited, 2));
    it.server.answer(problem(429, "rate_limited", ""));
    assert_eq!(it.verify().await, (Err(VerifyError::RateLimited { retry_after: None }), 3));
    it.server.answer(key(""));
    assert_eq!(it.verify().await, (Ok(()), 4));
}

#[tokio::test]
async fn an_outage_is_no_refusal_is_not_cached_and_never_a_stale_acceptance() {
    let elsewhere = Server::start(key("")).await;
    let mut answers = foreign(&elsewhere.url);
    for (status, code) in [
        (503, "unavailable"),
        (500, "internal"),
        // Not a statement about the secret: an intermediary removed the header, or added one.
        (401, "missing_credential"),
        (400, "ambiguous_credential"),
        (403, "insufficient_scope"),
        (421, "misdirected"),
        (200, "invalid_credential"),
        (403, "invalid_credential"),
    ] {
        answers.push((code, problem(status, code, "")));
    }
    for (what, shape) in [
        ("an empty object", "{}"),
        ("null", "null"),
        ("no scopes", r#"{"id": "01890a5d-ac96-774b-bcce-b302099a8057", "name": "n", "tenant_id": "t"}"#),
        ("no tenant", r#"{"id": "01890a5d-ac96-774b-bcce-b302099a8057", "name": "n", "scopes": []}"#),
        ("an id that is none", r#"{"id": "7", "name": "n", "tenant_id": "t", "scopes": []}"#),
        ("scopes in a text", r#"{"id": null, "name": "n", "tenant_id": "t", "scopes": "admin"}"#),
    ] {
        answers.push((what, json(shape)));
    }
    for (what, answer) in answers {
        let it = Fixture::new(key("")).await;
        assert_eq!(it.verify().await, (Ok(()), 1), "{what}");
        it.server.answer(answer);
        it.clock.advance(N.saturating_sub(MOMENT));
        assert_eq!(it.verify().await, (Ok(()), 1), "{what}");
        it.clock.advance(MOMENT);
        for asked in [2, 3] {
            let (decision, count) = it.verify().await;
            assert!(matches!(&decision, Err(VerifyError::Unavailable(_))) && count >= asked, "{what}: {decision:?}");
            let error = decision.unwrap_err();
            let told = format!("{error:?} {error}");
            assert!(!told.contains(SECRET) && !told.contains("hello"), "{told}");
        }
        it.server.answer(key(""));
        assert_eq!(it.verify().await.0, Ok(()), "{what}");
    }
    assert_eq!(elsewhere.count(), 0, "a redirect is not followed");
}

#[tokio::test]
async fn a_gateway_that_is_silent_or_away_is_an_outage() {
    let silent = Server::start(Answer::Silence).await;
    for url in [silent.url.as_str(), "http://127.0.0.1:1"] {
        let verifier = Verifier::builder(url).timeout(Duration::from_millis(50)).build().unwrap();
        let decision = verifier.verify(SECRET).await;
        assert!(matches!(&decision, Err(VerifyError::Unavailable(ClientError::Unreachable(_)))), "{decision:?}");
    }
}

#[tokio::test]
async fn the_cache_is_bounded_and_keeps_keys_apart_from_guesses() {
    const ENTRIES: usize = 16;
    let it = Fixture::with(key(""), ENTRIES).await;
    assert_eq!(it.verify().await, (Ok(()), 1));
    it.server.answer(refused());
    for guess in 0..40 * ENTRIES {
        assert_eq!(it.verifier.verify(&format!("guess-{guess}")).await, Err(VerifyError::Refused));
    }
    assert!((2..=1 + ENTRIES).contains(&it.verifier.cached()), "{}", it.verifier.cached());
    let asked = it.server.count();
    assert_eq!(it.verify().await, (Ok(()), asked), "no guess displaces a key");
    it.server.answer(key(""));
    for other in 0..10 * ENTRIES {
        assert!(it.verifier.verify(&format!("other-{other}")).await.is_ok());
    }
    assert!(it.verifier.cached() <= 2 * ENTRIES, "{}", it.verifier.cached());
}

#[tokio::test]
async fn a_time_without_an_end_is_as_long_as_the_clock_goes() {
    let server = Server::start(key("")).await;
    let verifier = Verifier::builder(&server.url).accepted_for(Duration::MAX).build().unwrap();
    for _ in 0..2 {
        assert!(verifier.verify(SECRET).await.is_ok());
    }
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn without_room_nothing_is_cached() {
    let it = Fixture::with(key(""), 0).await;
    for asked in [1, 2] {
        assert_eq!(it.verify().await, (Ok(()), asked));
    }
    assert_eq!(it.verifier.cached(), 0);
}

#[tokio::test]
async fn callers_of_one_secret_share_a_request_and_its_outage() {
    for (answer, expected) in [
        (key(""), Ok(())),
        (refused(), Err(VerifyError::Refused)),
        (problem(429, "rate_limited", ""), Err(VerifyError::RateLimited { retry_after: None })),
    ] {
        let it = Fixture::new(answer).await;
        it.server.hold();
        let callers = join_all((0..20).map(|_| it.verify()));
        let release = async {
            while it.server.count() == 0 {
                tokio::task::yield_now().await;
            }
            it.server.release();
        };
        for (decision, _) in tokio::join!(callers, release).0 {
            assert_eq!(decision, expected);
        }
        assert_eq!(it.server.count(), 1);
    }
    let it = Fixture::new(problem(503, "unavailable", "")).await;
    it.server.hold();
    let others = join_all((0..8).map(|other| {
        let verifier = it.verifier.clone();
        async move { verifier.verify(&format!("other-{}", other % 2)).await }
    }));
    let release = async {
        while it.server.count() < 2 {
            tokio::task::yield_now().await;
        }
        it.server.release();
    };
    let (verdicts, ()) = tokio::join!(others, release);
    assert!(verdicts.iter().all(|decision| matches!(decision, Err(VerifyError::Unavailable(_)))), "{verdicts:?}");
    assert_eq!(it.server.count(), 2, "one of each secret");
}

#[tokio::test]
async fn no_secret_is_shown() {
    let it = Fixture::new(problem(503, "unavailable", "")).await;
    let error = it.verifier.verify(SECRET).await.unwrap_err();
    assert_eq!(error.to_string(), "the gateway does not verify: the gateway answered 503 unavailable");
    assert!(!format!("{:?} {error:?}", it.verifier).contains(SECRET));
    let wrong = Verifier::builder("http://user:hunter2@127.0.0.1:1").build().unwrap_err();
    assert!(!format!("{wrong} {wrong:?}").contains("hunter2"));
}
