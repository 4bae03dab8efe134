//! A credential in a header: how it is taken, and what is said when it is not (AUTH-01 to AUTH-04).

use kit::{app::App, client::Answer};
use reqwest::Method;
use serde_json::json;

const REALM: &str = r#"Bearer realm="dalston""#;

#[track_caller]
fn assert_missing(answer: &Answer, what: &str) {
    assert_eq!((answer.code(), answer.problem()), (401, "missing_credential"), "{what}");
    assert_eq!(answer.header("www-authenticate"), REALM, "AUTH-02 {what}");
}

#[track_caller]
fn assert_invalid(answer: &Answer, what: &str) {
    assert_eq!((answer.code(), answer.problem()), (401, "invalid_credential"), "{what}");
    assert_eq!(answer.header("www-authenticate"), format!(r#"{REALM}, error="invalid_token""#), "AUTH-02 {what}");
}

#[track_caller]
fn assert_ambiguous(answer: &Answer, what: &str) {
    assert_eq!((answer.code(), answer.problem()), (400, "ambiguous_credential"), "{what}: {}", answer.text);
    assert_eq!(answer.header("www-authenticate"), format!(r#"{REALM}, error="invalid_request""#), "AUTH-02 {what}");
}

#[tokio::test]
async fn a_key_is_taken_from_authorization_with_the_scheme_in_any_case() {
    let app = App::start().await;
    let secret = app.key("jobs:read").await.secret.unwrap();
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR", "Bearer  "] {
        let value = format!("{scheme} {secret}");
        app.anon().get_with("/auth/me", &[("authorization", &value)]).await.expect(200);
    }
}

#[tokio::test]
async fn a_key_is_taken_from_x_api_key_and_its_alias() {
    let app = App::start().await;
    let secret = app.key("jobs:read").await.secret.unwrap();
    for name in ["x-api-key", "X-API-Key", "xi-api-key"] {
        app.anon().get_with("/auth/me", &[(name, &secret)]).await.expect(200);
    }
}

#[tokio::test]
async fn what_a_proxy_asks_for_stands_beside_a_key_at_every_door() {
    let app = App::start().await;
    let secret = app.key("jobs:read,realtime").await.secret.unwrap();
    for scheme in ["Basic dXNlcjpwYXNz", "Digest username=\"u\", nonce=\"n\"", "Negotiate YII=", "NTLM TlRM", ""] {
        for path in ["/auth/me", "/openai/v1/models", "/v1/audio/transcriptions", "/help"] {
            for name in ["x-api-key", "xi-api-key"] {
                let both = [("authorization", scheme), (name, secret.as_str())];
                app.anon().get_with(path, &both).await.expect(200);
            }
        }
        let both = [("authorization", scheme), ("x-api-key", secret.as_str())];
        let told = json!({"command": "/whoami"});
        app.anon().post_with("/call", told, &both).await.expect(200);
        let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
        let mcp = [&both[..], &[("accept", "application/json, text/event-stream")]].concat();
        app.anon().post_with("/mcp", ping, &mcp).await.expect(200);
        let stream = format!("/v1/audio/transcriptions/stream?api_key={secret}");
        app.anon().get_with(&stream, &[("authorization", scheme)]).await.expect(426);
        let bearer = format!("Bearer {secret}");
        let three = [&both[..], &[("authorization", bearer.as_str())]].concat();
        assert_ambiguous(&app.anon().get_with("/auth/me", &three).await, scheme);
        app.anon().get_with("/auth/me", &[("authorization", scheme), ("authorization", &bearer)]).await.expect(200);
    }
}

#[tokio::test]
async fn no_credential_is_missing() {
    let app = App::start().await;
    let secret = app.key("jobs:read").await.secret.unwrap();
    assert_missing(&app.anon().get("/auth/me").await, "nothing");
    let cookie = format!("api_key={secret}; dalston={secret}");
    for (name, value) in [
        ("cookie", cookie.as_str()),
        ("proxy-authorization", &format!("Bearer {secret}")),
        ("x-auth-token", &secret),
        ("api-key", &secret),
        ("authorization", "Basic dXNlcjpwYXNzd29yZA=="),
        ("authorization", &secret),
    ] {
        assert_missing(&app.anon().get_with("/auth/me", &[(name, value)]).await, name);
    }
}

#[tokio::test]
async fn a_malformed_header_is_refused_as_such() {
    let app = App::start().await;
    let secret = app.key("jobs:read").await.secret.unwrap();
    let (two, comma, tab) =
        (format!("Bearer {secret} {secret}"), format!("Bearer {secret}, x"), format!("Bearer {secret}\tx"));
    for value in ["Bearer", "Bearer ", "Bearer é", &two, &comma, &tab] {
        assert_ambiguous(&app.anon().get_with("/auth/me", &[("authorization", value)]).await, value);
    }
    for value in ["", "a b", "é"] {
        assert_ambiguous(&app.anon().get_with("/auth/me", &[("x-api-key", value)]).await, value);
    }
}

#[tokio::test]
async fn a_key_of_the_wrong_shape_is_as_invalid_as_an_unknown_one() {
    let app = App::start().await;
    let secret = app.key("jobs:read").await.secret.unwrap();
    let quoted = format!("\"{secret}\"");
    for wrong in ["dk_invalid", "x", &secret[..51], &secret.to_lowercase(), &format!("secret-token:{secret}"), &quoted]
    {
        for (name, value) in [("authorization", format!("Bearer {wrong}")), ("x-api-key", wrong.to_owned())] {
            let answer = app.anon().get_with("/auth/me", &[(name, &value)]).await;
            assert_invalid(&answer, &format!("{name}: {value}"));
            assert!(!answer.text.contains(wrong), "AUTH-05 {wrong}");
        }
    }
}

#[tokio::test]
async fn two_credentials_are_refused_wherever_they_are_even_twice_the_same() {
    let app = App::start().await;
    let (one, other) = (app.key("realtime").await.secret.unwrap(), app.key("realtime").await.secret.unwrap());
    let places = ["authorization", "x-api-key", "xi-api-key", "query"];
    for path in ["/auth/me", "/v1/audio/transcriptions/stream", "/nowhere"] {
        for (at, first) in places.iter().enumerate() {
            for second in &places[at..] {
                for pair in [[&one, &one], [&one, &other], [&other, &one]] {
                    let answer = with_credentials(&app, path, &[(first, pair[0]), (second, pair[1])]).await;
                    assert_ambiguous(&answer, &format!("AUTH-03 {path} {first} {second}"));
                }
            }
        }
    }
}

#[tokio::test]
async fn a_second_credential_is_refused_whatever_it_is() {
    let app = App::start().await;
    let secret = app.key("realtime").await.secret.unwrap();
    for second in [("x-api-key", "x"), ("xi-api-key", ""), ("query", ""), ("query", "x"), ("authorization", "x")] {
        for credentials in [[("authorization", secret.as_str()), second], [second, ("authorization", &secret)]] {
            let answer = with_credentials(&app, "/auth/me", &credentials).await;
            assert_ambiguous(&answer, &format!("AUTH-03 {}", second.0));
        }
    }
}

/// A request with a secret in each of these places.
async fn with_credentials(app: &App, path: &str, credentials: &[(&str, &str)]) -> Answer {
    let in_query = credentials.iter().filter(|(place, _)| *place == "query");
    let query: Vec<String> = in_query.map(|(_, secret)| format!("api_key={secret}")).collect();
    let mut request = app.anon().request(Method::GET, &format!("{path}?{}", query.join("&")));
    for (place, secret) in credentials {
        request = match *place {
            "query" => request,
            "authorization" => request.header("authorization", format!("Bearer {secret}")),
            header => request.header(header, *secret),
        };
    }
    Answer::of(request).await
}

#[tokio::test]
async fn no_spelling_of_a_path_passes_the_gate() {
    let app = App::start().await;
    let reader = app.key("jobs:read").await;
    for path in [
        "/%61uth/me",
        "/auth/%6de",
        "/auth/me/",
        "//auth/me",
        "/AUTH/me",
        "/auth/./me",
        "/auth/me%20",
        "/auth%2Fme",
        "/health/../auth/me",
        "/health/",
        "/health%2F",
        "/v1",
        "/",
        "/version",
        "/api/version",
    ] {
        assert_missing(&app.anon().get(path).await, path);
        let known = reader.get(path).await;
        assert!(matches!(known.code(), 200 | 404), "AUTHZ-02 {path}: {}", known.text);
    }
    reader.get("/%61uth/me").await.expect(200);
}

#[tokio::test]
async fn forwarded_and_overriding_headers_change_nothing() {
    let app = App::start().await;
    for header in ["x-original-url", "x-rewrite-url", "x-forwarded-path", "x-http-method-override", "x-forwarded-host"]
    {
        assert_missing(&app.anon().get_with("/auth/me", &[(header, "/health")]).await, header);
    }
    let reader = app.key("jobs:read").await;
    let forged = [("x-http-method-override", "DELETE"), ("x-tenant-id", "other"), ("x-user-id", "admin")];
    let me = reader.get_with("/auth/me", &forged).await.expect(200);
    assert_eq!(me.json["tenant_id"], "default", "TEN-02 SEC-03");
}

#[tokio::test]
async fn credentials_are_decided_before_the_body_is_read() {
    let app = App::start().await;
    let reader = app.key("jobs:read").await;
    let broken = |client: &kit::client::Client| {
        client.request(Method::POST, "/auth/keys").header("content-type", "text/plain").body("{")
    };
    assert_missing(&Answer::of(broken(&app.anon())).await, "no key");
    assert_eq!(Answer::of(broken(&reader)).await.problem(), "insufficient_scope", "AUTHZ-03");
    Answer::of(broken(&app.key("admin").await)).await.expect(415);
}
