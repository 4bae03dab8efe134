//! `POST /nudge`: messages to the administrators.

use kit::{
    app::{App, Start},
    bot_api::{BotApi, Fails, TOKEN},
    client::{Answer, Client},
    shell::Shell,
};
use serde_json::{Value, json};

const ONE: i64 = 1_001;
const TWO: i64 = 1_002;

/// A gateway with two administrators whom a bot reaches, and somebody who may nudge.
async fn gateway(api: &BotApi) -> (App, Client) {
    let start = Start::default().set("ADMIN_IDS", &format!("{ONE},{TWO}"));
    let app = api.configure(start).start().await;
    let nudger = app.key("nudge").await;
    (app, nudger)
}

async fn nudge(client: &Client, body: &Value, key: &str) -> Answer {
    client.post_with("/nudge", body.clone(), &[("idempotency-key", key)]).await
}

#[tokio::test]
async fn a_nudge_reaches_all_administrators_or_the_one_that_is_named() {
    let api = BotApi::start();
    let (_app, nudger) = gateway(&api).await;
    let text = "The <b>disk</b> is & nearly full";
    let all = nudger.post("/nudge", json!({"message": text})).await.expect(200).json;
    assert_eq!(all["status"], "success");
    let result = &all["result"];
    assert_eq!(
        (&result["mode"], &result["sent_count"], &result["failed_count"]),
        (&json!("direct"), &json!(2), &json!(0))
    );
    let sent = api.calls("sendMessage");
    for (call, (user, result)) in sent.iter().zip([ONE, TWO].iter().zip(result["results"].as_array().unwrap())) {
        assert_eq!((call.body["chat_id"].as_i64(), call.text()), (Some(*user), text));
        assert!(call.body["parse_mode"].is_null(), "it is sent as it is");
        assert_eq!(result, &json!({"user_id": user, "status": "sent", "message_id": call.message}));
    }
    nudger.post("/nudge", json!({"message": "you", "type": "direct", "user_id": TWO})).await.expect(200);
    assert_eq!((api.standing(ONE).len(), api.standing(TWO).len()), (1, 2));
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_before_anybody_is_told() {
    let api = BotApi::start();
    let (app, nudger) = gateway(&api).await;
    for (body, field) in [
        (json!({"message": "x", "user_id": 7}), "user_id"),
        (json!({"message": ""}), "message"),
        (json!({"message": " "}), "message"),
        (json!({"message": "x".repeat(4_097)}), "message"),
        (json!({"message": "x", "type": "shout"}), "type"),
        (json!({"message": "x", "is_admin": true}), "is_admin"),
        (json!({}), "message"),
    ] {
        let refused = nudger.post("/nudge", body).await.expect(422);
        assert_eq!(refused.fields(), [field]);
    }
    let unwritten = nudger.post("/nudge", json!({"message": "x", "type": "llm"})).await.expect(503);
    assert_eq!(
        (unwritten.problem(), &unwritten.json["detail"]),
        ("unavailable", &json!("No language model is configured"))
    );
    app.key("jobs:read").await.post("/nudge", json!({"message": "x"})).await.expect(403);
    app.anon().post("/nudge", json!({"message": "x"})).await.expect(401);
    assert!(api.calls("sendMessage").is_empty());
}

#[tokio::test]
async fn without_a_bot_or_without_administrators_there_is_no_channel() {
    let api = BotApi::start();
    let nobody = api.configure(Start::default()).start().await;
    let silent = Start::default().set("ADMIN_IDS", "5").start().await;
    for app in [nobody, silent] {
        let refused = app.master().post("/nudge", json!({"message": "x"})).await.expect(503);
        assert_eq!(refused.json["detail"], "No channel to the administrators is configured");
        assert_eq!(refused.problem(), "unavailable");
    }
}

#[tokio::test]
async fn a_long_nudge_comes_in_several_messages() {
    let api = BotApi::start();
    let (_app, nudger) = gateway(&api).await;
    let text = "😀".repeat(4_096);
    nudger.post("/nudge", json!({"message": text, "user_id": ONE})).await.expect(200);
    assert_eq!(api.standing(ONE).len(), 2);
    assert_eq!(api.standing(ONE).concat(), text);
}

#[tokio::test]
async fn a_nudge_that_reached_some_is_207_and_one_that_reached_nobody_502_with_the_result_beside() {
    let api = BotApi::start();
    let (_app, nudger) = gateway(&api).await;
    api.fail("sendMessage", Fails::With(403));
    let some = nudger.post("/nudge", json!({"message": "x"})).await.expect(207).json;
    assert_eq!(some["status"], "partial");
    assert_eq!((&some["result"]["sent_count"], &some["result"]["failed_count"]), (&json!(1), &json!(1)));
    assert_eq!(some["result"]["results"][0], json!({"user_id": ONE, "status": "failed", "error": "refused"}));

    for (fails, error) in
        [(Fails::With(400), "refused"), (Fails::Busy(3_600), "busy"), (Fails::With(500), "unreachable")]
    {
        api.fail("sendMessage", fails);
        api.fail("sendMessage", fails);
        let none = nudger.post("/nudge", json!({"message": "x"})).await.expect(502);
        assert_eq!(none.problem(), "undelivered");
        let result = &none.json["result"];
        assert_eq!((&result["sent_count"], &result["failed_count"]), (&json!(0), &json!(2)));
        for (user, told) in [ONE, TWO].iter().zip(result["results"].as_array().unwrap()) {
            assert_eq!(told, &json!({"user_id": user, "status": "failed", "error": error}));
        }
        assert!(!none.text.contains(TOKEN));
    }
}

#[tokio::test]
async fn a_chat_that_is_busy_for_a_moment_is_waited_for_and_one_that_may_have_it_is_not_told_twice() {
    let api = BotApi::start();
    let (_app, nudger) = gateway(&api).await;
    api.fail("sendMessage", Fails::Busy(0));
    api.fail("sendMessage", Fails::Busy(0));
    nudger.post("/nudge", json!({"message": "patience", "user_id": ONE})).await.expect(200);
    assert_eq!(api.standing(ONE), ["patience"]);
    // It was delivered, and nobody heard of it.
    api.fail("sendMessage", Fails::Lost);
    nudger.post("/nudge", json!({"message": "once", "user_id": TWO})).await.expect(502);
    assert_eq!(api.standing(TWO), ["once"]);
}

#[tokio::test]
async fn a_repeated_nudge_gets_the_first_answer_and_sends_nothing() {
    let api = BotApi::start();
    let (app, nudger) = gateway(&api).await;
    let body = json!({"message": "x"});
    let again = async |key: &str, first: &Answer| {
        let sent = api.calls("sendMessage").len();
        for _ in 0..2 {
            let repeated = nudge(&nudger, &body, key).await;
            assert_eq!(repeated.bare(), first.bare(), "{key}");
        }
        assert_eq!(api.calls("sendMessage").len(), sent, "{key}");
    };
    let whole = nudge(&nudger, &body, "whole").await.expect(200);
    again("whole", &whole).await;
    api.fail("sendMessage", Fails::With(403));
    let part = nudge(&nudger, &body, "part").await.expect(207);
    again("part", &part).await;
    api.fail("sendMessage", Fails::With(500));
    api.fail("sendMessage", Fails::With(500));
    let none = nudge(&nudger, &body, "none").await.expect(502);
    again("none", &none).await;

    let other = nudge(&nudger, &json!({"message": "y"}), "whole").await.expect(422);
    assert_eq!(other.fields(), ["Idempotency-Key"]);
    // Another caller's key is another one.
    nudge(&app.key("nudge").await, &json!({"message": "y"}), "whole").await.expect(200);
    // What was refused before anybody was told may be mended under the same key.
    nudge(&nudger, &json!({"message": "x", "type": "llm"}), "mended").await.expect(503);
    nudge(&nudger, &body, "mended").await.expect(200);
}

#[tokio::test]
async fn a_nudge_that_is_repeated_while_the_first_is_under_way_is_a_conflict() {
    let api = BotApi::start();
    let (_app, nudger) = gateway(&api).await;
    api.fail("sendMessage", Fails::Busy(1));
    let body = json!({"message": "x"});
    let slow = nudge(&nudger, &body, "slow");
    let meanwhile = async {
        api.next("sendMessage", |call| call.status == Some(429)).await;
        nudge(&nudger, &body, "slow").await.expect(409)
    };
    let (first, second) = tokio::join!(slow, meanwhile);
    first.expect(200);
    assert_eq!(second.problem(), "conflict");
    assert_eq!((api.standing(ONE).len(), api.standing(TWO).len()), (1, 1));
}

#[tokio::test]
async fn a_key_in_a_nudge_is_not_passed_on() {
    let api = BotApi::start();
    let (_app, nudger) = gateway(&api).await;
    let secret = nudger.secret.clone().unwrap();
    nudger.post("/nudge", json!({"message": format!("use {secret} now")})).await.expect(200);
    assert!(!api.transcript(&[]).contains(&secret));
    assert_eq!(api.standing(ONE).len(), 1);
}

#[tokio::test]
async fn the_command_line_nudges_from_the_store_and_polls_nothing() {
    let api = BotApi::start();
    let shell = Shell::new().set("TELEGRAM_BOT_TOKEN", TOKEN).set("TELEGRAM_API_URL", &api.url);
    let shell = shell.set("ADMIN_IDS", &ONE.to_string());
    shell.dalston(&["create-admin-key"]).done();
    let told = shell.dalston(&["nudge", "hello", "--json"]).done().json();
    assert_eq!((&told["status"], &told["result"]["sent_count"]), (&json!("success"), &json!(1)));
    assert_eq!(api.standing(ONE), ["hello"]);
    api.fail("sendMessage", Fails::With(500));
    let failed = shell.dalston(&["nudge", "hello"]);
    assert_eq!(failed.code, 1, "{failed:?}");
    assert!(!format!("{failed:?}").contains(TOKEN));
    assert!(api.calls("getUpdates").is_empty() && api.calls("getMe").is_empty());
}
