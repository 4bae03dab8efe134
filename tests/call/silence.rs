//! Models that say nothing, or nothing of use, and callers who go away.

use super::{call, gateway, id, say, secrets_of, start};
use futures_util::future::join_all;
use kit::{
    app::Start,
    client::{Answer, Client},
    model_server::{MODEL, ModelServer, Says},
    patience::eventually,
};
use reqwest::Method;
use serde_json::json;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// The answer when the model gives none.
#[track_caller]
fn assert_unreachable(answer: &Answer, what: &str) {
    assert_eq!((answer.code(), answer.problem()), (503, "unavailable"), "{what}: {}", answer.text);
    assert_eq!(answer.json["detail"], "The language model cannot be reached", "{what}");
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn a_model_of_no_use_is_said_to_be_unreachable() {
    let (app, model) = gateway().await;
    let admin = app.key("admin").await;
    let answer = |message: &str| format!(r#"{{"choices": [{{"message": {message}}}]}}"#);
    for (status, body) in [
        (500, String::new()),
        (429, "slow down".to_owned()),
        (401, r#"{"error": {"message": "Incorrect API key"}}"#.to_owned()),
        (307, String::new()),
        (200, "<html>".to_owned()),
        (200, r#"{"choices": []}"#.to_owned()),
        (200, answer("{}")),
        (200, answer(r#"{"content": " "}"#)),
        (200, answer(r#"{"tool_calls": 1}"#)),
        (200, answer(&format!(r#"{{"content": "{}"}}"#, "x".repeat(1024 * 1024)))),
    ] {
        let what = format!("{status} {body:.40}");
        let before = model.heard().len();
        model.says([Says::Raw(status, body)]);
        assert_unreachable(&say(&admin, "hello").await, &what);
        assert_eq!(model.heard().len(), before + 1, "{what}: no redirect is followed, nothing is asked twice");
    }
    model.says([Says::Raw(200, answer(&format!(r#"{{"content": "{}"}}"#, "x".repeat(1_000_000))))]);
    say(&admin, "hello").await.expect(200);
}

#[tokio::test]
async fn a_model_that_is_not_there_is_said_to_be_unreachable() {
    let model = ModelServer::start();
    let app = start(&model).start().await;
    drop(model);
    let admin = app.key("admin").await;
    assert_unreachable(&say(&admin, "hello").await, "nobody listens");
    call(&admin, json!({"command": "/status"})).await.expect(200);
}

/// A server that answers once on each connection and ends it, without a word of that, when it is asked again there: as one
/// that ends idle connections at that very moment. Where it is.
async fn a_server_that_ends_idle_connections() -> String {
    const TURN: &str = r#"{"choices": [{"message": {"content": "Hello."}}]}"#;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut read = [0; 64 * 1024];
                let _ = stream.read(&mut read).await;
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", TURN.len());
                stream.write_all(format!("{head}{TURN}").as_bytes()).await.unwrap();
                let _ = stream.read(&mut read).await;
            });
        }
    });
    url
}

#[tokio::test]
async fn a_server_that_ends_idle_connections_is_asked_on_new_ones() {
    let url = a_server_that_ends_idle_connections().await;
    let app = Start::default().set("DALSTON_LLM_URL", &url).set("DALSTON_LLM_MODEL", MODEL).start().await;
    let admin = app.key("admin").await;
    for _ in 0..5 {
        let answer = say(&admin, "hello").await.expect(200).json;
        assert!(answer["response"].as_str().unwrap().starts_with("Hello."), "{answer}");
    }
}

#[tokio::test]
async fn a_model_that_takes_too_long_is_given_up() {
    let model = ModelServer::start();
    let app = start(&model).patience(Duration::from_millis(200)).start().await;
    let admin = app.key("admin").await;
    model.says([Says::Nothing]);
    assert_unreachable(&say(&admin, "hello").await, "a time-out");
}

#[tokio::test]
async fn what_was_done_before_the_model_fell_silent_is_told() {
    let (app, model) = gateway().await;
    let admin = app.key("admin").await;
    let calls = [("whoami", json!({})), ("create_api_key", json!({"name": "n"}))];
    let calls = calls.map(|(tool, arguments)| (tool.to_owned(), arguments.to_string()));
    model.says([Says::Calls(calls.into()), Says::Raw(500, String::new())]);
    let answer = say(&admin, "make a key").await.expect(207);
    assert_eq!(answer.json["command_handled"], "whoami");
    assert!(answer.json["response"].as_str().unwrap().contains("fell silent"), "{}", answer.text);
    assert_eq!(answer.json["commands"], json!({"ran": ["whoami"], "waiting": ["keys.create"]}));
    let made = call(&admin, json!({"confirm": answer.json["confirm"]["token"]})).await.expect(200);
    app.with(&secrets_of(&made)[0]).get("/auth/me").await.expect(200);
}

#[tokio::test]
async fn eight_talk_at_once_and_the_next_is_told_to_wait() {
    let (app, model) = gateway().await;
    let (admin, deputy) = (app.key("admin").await, app.key("admin").await);
    model.says((0..8).map(|_| Says::Nothing));
    model.says((0..8).map(|_| Says::text("At last.")));
    let others = async {
        model.asked(8).await;
        for client in [&admin, &deputy, &app.key("admin").await] {
            let refused = say(client, "hello").await.expect(503);
            assert_eq!(refused.problem(), "unavailable");
        }
        // Commands need no model.
        call(&admin, json!({"command": "/status"})).await.expect(200);
        model.release();
    };
    let asking = [&admin, &deputy].into_iter().flat_map(|client| (0..4).map(move |_| say(client, "hello")));
    let (answers, ()) = tokio::join!(join_all(asking), others);
    for answer in answers {
        assert!(answer.expect(200).json["response"].as_str().unwrap().starts_with("At last."));
    }
    model.says([Says::text("Hello.")]);
    say(&admin, "hello").await.expect(200);
    assert_eq!(model.heard().len(), 9);
}

/// Whoever asks first: half is of one caller at most, and half of one tenant where there are several.
#[tokio::test]
async fn neither_a_caller_nor_a_tenant_has_all_conversations() {
    let (app, model) = gateway().await;
    let (greedy, second) = (app.key("realtime").await, app.key("realtime").await);
    model.says((0..8).map(|_| Says::Nothing));
    model.says((0..8).map(|_| Says::text("At last.")));
    let mut open: Vec<_> = (0..6).map(|_| tokio::spawn(say_later(greedy.clone()))).collect();
    model.asked(4).await;
    eventually("two of them are refused", async || open.iter().filter(|it| it.is_finished()).count() == 2).await;
    assert_eq!(say(&greedy, "hello").await.code(), 503, "a caller has its share");
    // Another tenant comes: now the tenant of the first has its share, too.
    let modest = app.key_of("modest", "realtime", |ask| ask).await;
    assert_eq!(say(&second, "hello").await.code(), 503, "a tenant has its share");
    open.extend((0..4).map(|_| tokio::spawn(say_later(modest.clone()))));
    model.asked(8).await;
    assert_eq!(say(&app.key_of("third", "realtime", |ask| ask).await, "hello").await.code(), 503);
    model.release();
    let answers = join_all(open).await;
    assert_eq!(answers.into_iter().filter(|answer| answer.as_ref().unwrap().code() == 200).count(), 8);
}

async fn say_later(client: Client) -> Answer {
    say(&client, "hello").await
}

#[tokio::test]
async fn callers_who_go_away_leave_room_for_others() {
    let (app, model) = gateway().await;
    let (admin, deputy) = (app.key("admin").await, app.key("admin").await);
    model.says((0..8).map(|_| Says::Nothing));
    let gone: Vec<_> = (0..8)
        .map(|number| {
            let client = if number % 2 == 0 { &admin } else { &deputy };
            let request = client.request(Method::POST, "/call").json(&json!({"message": "hello"}));
            tokio::spawn(request.send())
        })
        .collect();
    model.asked(8).await;
    for task in gone {
        task.abort();
    }
    model.says((0..16).map(|_| Says::text("Hello.")));
    model.release();
    eventually("there is room again", async || say(&admin, "hello").await.code() == 200).await;
}

#[tokio::test]
async fn a_key_that_is_revoked_while_the_model_thinks_does_nothing_more() {
    let (app, model) = gateway().await;
    let (admin, narrowed) = (app.key("admin").await, app.key("admin").await);
    let path = |client: &Client| format!("/auth/keys/{}", id(client));
    for (client, code) in [(&admin, "invalid_credential"), (&narrowed, "insufficient_scope")] {
        model.hold();
        let create = ("create_api_key".to_owned(), json!({"name": "too late"}).to_string());
        model.says([Says::Nothing, Says::Calls(vec![create]), Says::text("It was refused.")]);
        let asked = model.heard().len() + 1;
        let meanwhile = async {
            model.asked(asked).await;
            if code == "invalid_credential" {
                app.master().delete(&path(client)).await.expect(200);
            } else {
                app.master().patch(&path(client), json!({"scopes": ["jobs:read"]})).await.expect(200);
            }
            model.release();
        };
        let (answer, ()) = tokio::join!(say(client, "make a key"), meanwhile);
        assert!(secrets_of(&answer.expect(200)).is_empty());
        assert_eq!(model.results()[0]["error"]["code"], code, "REV-03");
    }
    let keys = app.master().get("/auth/keys").await.expect(200);
    assert!(!keys.text.contains("too late"));
}
