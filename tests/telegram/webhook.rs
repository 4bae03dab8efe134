//! Updates by webhook.

use super::{ADMIN, GUEST, Hearing, secret, timing};
use dalston_auth::SecretText;
use dalston_work::contract::WorkFixture;
use kit::{
    app::{App, Start},
    bot_api::{BotApi, Fails, TOKEN, message},
    client::Answer,
    log,
    servers::Redis,
    stores,
};
use reqwest::Method;
use serde_json::{Value, json};

const SECRET: &str = "x-telegram-bot-api-secret-token";

async fn node(api: &BotApi, fixture: WorkFixture) -> App {
    let start = Start::default().set("DALSTON_ADMIN_IDS", &ADMIN.to_string()).set("TELEGRAM_UPDATES", "webhook");
    let start = start.set("DALSTON_PUBLIC_URL", "https://dalston.example.com").timing(timing());
    api.configure(start).on(fixture).start().await
}

/// A node, and the secret that it told the chat.
async fn hooked(api: &BotApi, fixture: WorkFixture) -> (App, String) {
    let app = node(api, fixture).await;
    Hearing::of(&app).task.await.unwrap();
    let set = api.next("setWebhook", |_| true).await;
    let secret = set.body["secret_token"].as_str().unwrap().to_owned();
    log::guard(&secret);
    (app, secret)
}

fn update(id: i64, user: i64, text: &str) -> Value {
    let mut update = message(user, user, "private", text);
    update["update_id"] = id.into();
    update
}

async fn bring(app: &App, update: &Value, secret: &str) -> Answer {
    Answer::of(app.anon().request(Method::POST, "/telegram").header(SECRET, secret).json(update)).await
}

#[tokio::test]
async fn the_chat_is_told_where_to_bring_updates_and_nobody_polls() {
    let api = BotApi::start();
    let app = node(&api, stores::memory().await).await;
    api.fail("getMe", Fails::With(500));
    api.fail("setWebhook", Fails::With(429));
    Hearing::of(&app).task.await.unwrap();
    let set = api.next("setWebhook", |call| call.status == Some(200)).await;
    assert_eq!(set.body["url"], "https://dalston.example.com/telegram");
    assert_eq!(set.body["allowed_updates"], json!(["message", "callback_query"]));
    let secret = set.body["secret_token"].as_str().unwrap();
    assert!(secret.len() == 64 && secret.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(secret, dalston_chat::webhook_secret(&SecretText::new(TOKEN.to_owned())), "all nodes agree");
    api.next("setMyCommands", |_| true).await;
    assert!(api.calls("getUpdates").is_empty());
    let status = app.master().get("/status").await.expect(200).json;
    assert_eq!(status["admin"]["telegram"]["updates"], "webhook");
    assert_eq!(status["admin"]["telegram"]["polling"], Value::Null);
}

#[tokio::test]
async fn an_update_with_the_right_secret_is_answered() {
    let api = BotApi::start();
    let (app, token) = hooked(&api, stores::memory().await).await;
    bring(&app, &update(1, GUEST, "/whoami"), &token).await.expect(200);
    assert_eq!(api.standing(GUEST).len(), 1, "it is answered before the chat is");
    bring(&app, &update(2, ADMIN, "/keys_create made"), &token).await.expect(200);
    assert_eq!(api.standing(ADMIN).len(), 2);
    secret(&api.standing(ADMIN)[1]);
    bring(&app, &json!({"update_id": 3, "poll": {}}), &token).await.expect(200);
    for wrong in [json!({}), json!([]), json!({"update_id": "x"})] {
        bring(&app, &wrong, &token).await.expect(400);
    }
    let text = app.anon().request(Method::POST, "/telegram").header(SECRET, &token).body("no JSON");
    Answer::of(text).await.expect(400);
    let long = update(4, GUEST, &"x".repeat(300_000));
    bring(&app, &long, &token).await.expect(413);
}

#[tokio::test]
async fn an_update_without_the_right_secret_is_refused_unread() {
    let api = BotApi::start();
    let (app, token) = hooked(&api, stores::memory().await).await;
    let update = update(1, ADMIN, "/keys_create made");
    for wrong in ["", "x", &token[1..], &format!("{token}0"), &token.to_uppercase(), TOKEN] {
        let answer = bring(&app, &update, wrong).await.expect(401);
        assert_eq!(answer.problem(), "invalid_credential", "{wrong}");
    }
    app.anon().post("/telegram", update.clone()).await.expect(401);
    app.master().post("/telegram", update.clone()).await.expect(401);
    let twice = app.anon().request(Method::POST, "/telegram").header(SECRET, &token).header(SECRET, &token);
    Answer::of(twice.json(&update)).await.expect(401);
    assert_eq!(app.master().get("/telegram").await.expect(405).header("allow"), "POST");
    assert!(app.master().get("/auth/keys").await.expect(200).ids().is_empty());
    assert!(api.calls("sendMessage").is_empty());
}

#[tokio::test]
async fn an_update_that_is_brought_twice_is_answered_once_over_all_nodes() {
    let api = BotApi::start();
    let fixture = stores::memory().await;
    let other = stores::shared(&fixture);
    let ((one, token), (two, same)) = (hooked(&api, fixture).await, hooked(&api, other).await);
    assert_eq!(token, same);
    let first = update(1, GUEST, "/whoami");
    for app in [&one, &two, &one] {
        bring(app, &first, &token).await.expect(200);
    }
    assert_eq!(api.standing(GUEST).len(), 1);
    // While one node is at it, the other asks for it later.
    api.fail("sendMessage", Fails::Busy(1));
    let second = update(2, GUEST, "/whoami");
    let slow = bring(&one, &second, &token);
    let meanwhile = async {
        api.next("sendMessage", |call| call.status == Some(429)).await;
        bring(&two, &second, &token).await.expect(503)
    };
    let (answered, later) = tokio::join!(slow, meanwhile);
    answered.expect(200);
    assert_eq!(later.problem(), "unavailable");
    bring(&two, &second, &token).await.expect(200);
    assert_eq!(api.standing(GUEST).len(), 2);
}

#[tokio::test]
async fn where_updates_are_polled_the_route_is_not_there_and_the_webhook_is_deleted() {
    let (api, app, _hearing) = super::chat().await;
    api.next("deleteWebhook", |call| call.body.get("drop_pending_updates").is_none()).await;
    let token = dalston_chat::webhook_secret(&SecretText::new(TOKEN.to_owned()));
    for app in [&app, &App::start().await] {
        let brought = bring(app, &update(1, GUEST, "/whoami"), &token).await.expect(401);
        assert_eq!(brought.bare(), app.anon().post("/nowhere", json!({})).await.expect(401).bare());
        let asked = app.master().post("/telegram", json!({})).await.expect(404);
        assert_eq!(asked.bare(), app.master().post("/nowhere", json!({})).await.expect(404).bare());
    }
}

#[tokio::test]
async fn with_the_store_away_an_update_is_to_be_brought_again() {
    let api = BotApi::start();
    let mut server = Redis::start(&[]);
    let (app, token) = hooked(&api, stores::redis_at(server.url()).await).await;
    let update = update(1, GUEST, "/whoami");
    server.kill();
    let answer = bring(&app, &update, &token).await.expect(503);
    assert_eq!(answer.problem(), "unavailable");
    assert!(api.calls("sendMessage").is_empty());
    server.restart();
    bring(&app, &update, &token).await.expect(200);
    bring(&app, &update, &token).await.expect(200);
    assert_eq!(api.standing(GUEST).len(), 1);
}
