//! `POST /auth/keys` and `GET /auth/keys/{id}`.

use kit::{
    app::App,
    client::{Answer, Client},
};
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::{Value, json};
use std::time::Duration;

/// POST of these bytes as this type.
async fn send(client: &Client, kind: &str, body: impl Into<reqwest::Body>) -> Answer {
    Answer::of(client.request(Method::POST, "/auth/keys").header("content-type", kind).body(body)).await
}

/// How many keys the tenant has.
async fn count(app: &App) -> usize {
    app.master().get("/auth/keys?limit=100&include_revoked=true").await.expect(200).ids().len()
}

#[tokio::test]
async fn a_key_is_made_with_defaults_and_its_secret_is_shown_once() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let made = admin.post("/auth/keys", json!({"name": "  Read only "})).await.expect(201);
    let secret = made.secret();
    assert!(secret.len() == 52 && secret.starts_with("dk_"), "KEY-01");
    assert!(secret[3..].bytes().all(|byte| byte.is_ascii_alphanumeric()), "KEY-01");
    let id = made.json["id"].as_str().unwrap().to_owned();
    assert_eq!(made.header("location"), format!("/auth/keys/{id}"));
    assert_eq!(made.header("cache-control"), "no-store");
    let mut expected = json!({
        "id": id,
        "prefix": &secret[..10],
        "name": "Read only",
        "description": null,
        "tenant_id": "default",
        "scopes": ["jobs:read", "jobs:write", "realtime"],
        "rate_limit": null,
        "enabled": true,
        "created_at": "2026-01-01T00:00:00Z",
        "created_by": admin.id.unwrap().to_string(),
        "last_used_at": null,
        "expires_at": null,
        "revoked_at": null,
        "metadata": {},
    });
    let got = admin.get(made.header("location")).await.expect(200);
    assert_eq!(got.json, expected, "KEY-03 without the secret");
    expected["key"] = json!(secret);
    assert_eq!(made.json, expected);
    app.with(&secret).get("/auth/me").await.expect(200);
}

#[tokio::test]
async fn a_key_is_made_with_every_field() {
    let app = App::start().await;
    let ask = json!({
        "name": "Schlüssel 🔑",
        "description": "two\nlines",
        "scopes": ["webhooks", "jobs:read"],
        "rate_limit": 60,
        "expires_at": "2026-06-01T02:00:00+02:00",
        "metadata": {"team": "a", "nested": {"list": [1, 2.5, null, true]}},
        "tenant_id": "default",
    });
    let made = app.key("admin").await.post("/auth/keys", ask.clone()).await.expect(201);
    made.secret();
    for field in ["name", "description", "rate_limit", "metadata", "tenant_id"] {
        assert_eq!(made.json[field], ask[field], "{field}");
    }
    assert_eq!(made.json["scopes"], json!(["jobs:read", "webhooks"]));
    assert_eq!(made.json["expires_at"], "2026-06-01T00:00:00Z");
}

#[tokio::test]
async fn a_key_ends_at_its_time_not_a_microsecond_later() {
    for end in [json!({"expires_in_seconds": 60}), json!({"expires_at": "2026-01-01T00:01:00Z"})] {
        let app = App::start().await;
        let admin = app.key("admin").await;
        let mut ask = json!({"name": "short"});
        ask.as_object_mut().unwrap().extend(end.as_object().unwrap().clone());
        let made = admin.post("/auth/keys", ask).await.expect(201);
        assert_eq!(made.json["expires_at"], "2026-01-01T00:01:00Z");
        let client = app.with(&made.secret());
        app.clock.advance(Duration::from_micros(59_999_999));
        client.get("/auth/me").await.expect(200);
        app.clock.advance(Duration::from_micros(1));
        client.get("/auth/me").await.expect(401);
    }
}

#[tokio::test]
async fn a_wrong_value_is_named_by_its_field_and_never_repeated() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let before = count(&app).await;
    let long = "canary".repeat(43);
    let secret = format!("dk_{}", "canary0".repeat(6));
    let wrong: Vec<(&str, Vec<Value>)> = vec![
        (
            "name",
            vec![
                json!(""),
                json!("   "),
                json!(null),
                json!(487_123),
                json!(long),
                json!("canary\nx"),
                json!("canary\u{202e}"),
                json!(secret),
                json!(["canary"]),
            ],
        ),
        ("description", vec![json!("canary".repeat(200)), json!(487_123), json!("canary\u{7}"), json!(secret)]),
        (
            "scopes",
            vec![
                json!([]),
                json!(null),
                json!("jobs:read"),
                json!(["canary"]),
                json!(["jobs:read", "canary"]),
                json!(["Jobs:read"]),
                json!(["jobs:read", "jobs:read"]),
                json!(["jobs:read", 487_123]),
                json!([""]),
                json!(["*"]),
                json!({"jobs:read": true}),
            ],
        ),
        (
            "rate_limit",
            vec![
                json!(0),
                json!(-487_123),
                json!(1.5),
                json!(1_000_001),
                json!(4_294_967_297_u64),
                json!("canary"),
                json!("60"),
                json!(true),
                json!([]),
            ],
        ),
        (
            "expires_at",
            vec![
                json!("canary"),
                json!("2025-12-31T23:59:59Z"),
                json!("2026-01-01T00:00:00Z"),
                json!("2026-06-01"),
                json!("2026-06-01T00:00:00"),
                json!("2037-01-01T00:00:00Z"),
                json!(487_123),
            ],
        ),
        (
            "expires_in_seconds",
            vec![json!(0), json!(-487_123), json!(1.5), json!(315_360_001), json!(4_294_967_297_u64), json!("canary")],
        ),
        ("metadata", vec![json!([]), json!(null), json!("canary"), json!({"canary": "x".repeat(4096)})]),
        ("tenant_id", vec![json!(487_123), json!(["canary"])]),
    ];
    for (field, values) in wrong {
        for value in values {
            let mut ask = json!({"name": "n"});
            ask[field] = value.clone();
            let answer = admin.post("/auth/keys", ask).await;
            assert_eq!(
                (answer.code(), answer.problem()),
                (422, "invalid_request"),
                "{field}: {value}: {}",
                answer.text
            );
            assert_eq!(answer.fields(), [field], "RATE-07 AUTHZ-04 KEY-06 KEY-08 {value}");
            assert!(!answer.text.contains("canary") && !answer.text.contains("487123"), "ERR-02 {}", answer.text);
        }
    }
    assert_eq!(count(&app).await, before);
}

#[tokio::test]
async fn unknown_and_missing_fields_are_all_named_at_once() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let ask = json!({"id": "1", "key": "k", "prefix": "p", "created_at": null, "enabled": true, "is_admin": true, "Name": "n"});
    let answer = admin.post("/auth/keys", ask).await.expect(422);
    assert_eq!(
        answer.fields(),
        ["id", "key", "prefix", "created_at", "enabled", "is_admin", "Name", "name"],
        "AUTHZ-05"
    );
    let both = json!({"name": "n", "expires_at": "2026-06-01T00:00:00Z", "expires_in_seconds": 60});
    assert_eq!(admin.post("/auth/keys", both).await.expect(422).fields(), ["expires_in_seconds"]);
    assert_eq!(Answer::of(admin.request(Method::POST, "/auth/keys")).await.expect(422).fields(), ["name"]);
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_not_well_formed() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let before = count(&app).await;
    let deep = format!("{{\"name\": {}", "[".repeat(1000));
    for body in [
        "{",
        "[]",
        "null",
        "\"name\"",
        "{\"name\": \"n\"} x",
        "{\"name\": \"n\"",
        "{'name': 'n'}",
        "{\"name\": NaN}",
        r#"{"name": "a", "name": "b"}"#,
        r#"{"name": "n", "metadata": {"a": 1, "a": 2}}"#,
        r#"{"name": "n", "metadata": {"a": "\u0000"}}"#,
        r#"{"name": "\u0000"}"#,
        &deep,
    ] {
        let answer = send(&admin, "application/json", body.to_owned()).await;
        assert_eq!((answer.code(), answer.problem()), (400, "invalid_request"), "JSON-01 {body:.60}: {}", answer.text);
    }
    send(&admin, "application/json", b"{\"name\": \"\xff\"}".to_vec()).await.expect(400);
    assert_eq!(count(&app).await, before, "KEY-05");
}

#[tokio::test]
async fn a_body_is_json_and_nothing_else() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let body = r#"{"name": "n"}"#;
    for kind in ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data", "", "application/jsonx"] {
        let answer = send(&admin, kind, body).await.expect(415);
        assert_eq!(answer.problem(), "unsupported_media", "WEB-04 {kind}");
    }
    send(&admin, "application/x-www-form-urlencoded", "name=n").await.expect(415);
    for charset in ["utf-16", "iso-8859-1", "utf-8; charset=utf-7", "\"utf-16\"", ""] {
        let kind = format!("application/json; charset={charset}");
        assert_eq!(send(&admin, &kind, body).await.expect(415).problem(), "unsupported_media", "JSON-01 {charset}");
    }
    for rest in ["; charset=utf-8", ";Charset=\"UTF-8\"", " ; profile=a; charset = utf8", ";", "; profile=a"] {
        send(&admin, &format!("Application/JSON{rest}"), body).await.expect(201).secret();
    }
}

#[tokio::test]
async fn an_encoded_body_is_not_taken() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    for encoding in ["gzip", "br", "deflate", "zstd", "identity, gzip"] {
        let request = admin.request(Method::POST, "/auth/keys").header("content-encoding", encoding);
        let answer = Answer::of(request.header("content-type", "application/json").body(r#"{"name": "n"}"#)).await;
        assert_eq!(answer.expect(415).problem(), "unsupported_media", "DOS-03 {encoding}");
    }
}

#[tokio::test]
async fn a_body_of_more_than_64_kibibytes_is_too_large() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let body = |length: usize| format!("{}{}", r#"{"name": "n"}"#, " ".repeat(length - 13));
    send(&admin, "application/json", body(65_536)).await.expect(201).secret();
    let answer = send(&admin, "application/json", body(65_537)).await.expect(413);
    assert_eq!(answer.problem(), "too_large", "DOS-04");
    let parts = [body(40_000), " ".repeat(40_000)].map(Ok::<_, std::io::Error>);
    let chunked = reqwest::Body::wrap_stream(futures_util::stream::iter(parts));
    send(&admin, "application/json", chunked).await.expect(413);
}

#[tokio::test]
async fn an_id_that_is_none_or_anothers_is_not_found() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let theirs = app.key_of("other", "jobs:read", |ask| ask).await.id.unwrap().to_string();
    let own = admin.id.unwrap().to_string();
    let unknown = admin.get("/auth/keys/0192f0c1-2b7a-7c3e-9d41-5f6e7a8b9c0d").await.expect(404);
    assert_eq!(unknown.json["detail"], "API key not found");
    for id in [theirs, own.replace('-', ""), format!("{{{own}}}"), "1".to_owned(), "me".to_owned(), format!("{own}%00")]
    {
        let answer = admin.get(&format!("/auth/keys/{id}")).await;
        assert_eq!(answer.bare(), unknown.bare(), "ID-01 TEN-01 {id}");
    }
    admin.get(&format!("/auth/keys/{own}?x=1")).await.expect(422);
    // RFC 9562 §4: lower case out, any case in.
    let found = admin.get(&format!("/auth/keys/{}", own.to_uppercase())).await.expect(200);
    assert_eq!(found.json["id"], own);
}

#[tokio::test]
async fn metadata_holds_no_secret_of_ours() {
    let app = App::start().await;
    let admin = app.key("admin,jobs:write").await;
    let secret = app.key("jobs:read").await.secret.unwrap();
    let ticket =
        app.key("realtime").await.post("/auth/tickets", json!({"path": kit::socket::STREAM})).await.expect(201);
    let ticket = ticket.json["ticket"].as_str().unwrap();
    kit::log::guard(ticket);
    let python = format!("dk_{}", "aB-_".repeat(11).get(..43).unwrap());
    let made = admin.post("/auth/keys", json!({"name": "plain"})).await.expect(201);
    let path = format!("/auth/keys/{}", made.json["id"].as_str().unwrap());
    made.secret();
    let holding = [
        json!({"key": secret}),
        json!({"deep": [[{"note": format!("the key is {secret}.")}]]}),
        json!({secret.clone(): 1}),
        json!({"glued": format!("x{secret}y")}),
        json!({"ticket": ticket}),
        json!({"python": python}),
    ];
    for metadata in holding {
        let made = admin.post("/auth/keys", json!({"name": "x", "metadata": metadata})).await.expect(422);
        assert_eq!(made.fields(), ["metadata"]);
        let changed = admin.patch(&path, json!({"metadata": metadata})).await.expect(422);
        assert!(changed.fields() == ["metadata"] && !changed.text.contains(&secret[10..]));
        let form = Form::new().text("metadata", metadata.to_string());
        let form = form.part("file", Part::bytes(kit::wav::tone(1)).file_name("a.wav"));
        let upload = admin.request(Method::POST, "/v1/audio/transcriptions").multipart(form);
        assert_eq!(kit::client::Answer::of(upload).await.expect(422).fields(), ["metadata"]);
    }
    let other = secret.replacen(&secret[20..21], if &secret[20..21] == "a" { "b" } else { "a" }, 1);
    for metadata in [json!({"id": other}), json!({"id": "dk_customer_0000000000000001"}), json!({"id": &secret[..40]})]
    {
        admin.patch(&path, json!({"metadata": metadata})).await.expect(200);
    }
}
