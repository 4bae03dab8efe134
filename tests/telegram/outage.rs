//! The chat is busy, away, or does not know the bot.

use super::{ADMIN, GUEST, Hearing, chat, chat_with, node, timing};
use dalston_runtime::Timing;
use kit::{
    bot_api::{BotApi, Fails, TOKEN},
    servers::Redis,
    stores,
};
use std::time::Duration;

#[tokio::test]
async fn an_answer_is_sent_again_when_the_chat_was_busy_or_away() {
    let (api, _app, _hearing) = chat().await;
    for fails in [Fails::Busy(0), Fails::With(500), Fails::With(502)] {
        api.fail("sendMessage", fails);
        api.say(GUEST, "/whoami");
        assert!(api.told(GUEST).await.text().contains("chat_guest"), "{fails:?}");
    }
    api.idle().await;
    assert_eq!(api.standing(GUEST).len(), 3, "each once");
}

#[tokio::test]
async fn an_answer_that_nobody_takes_holds_nobody_up() {
    let (api, _app, _hearing) = chat().await;
    // Blocked by the user; busy for too long; away for good.
    for fails in [&[Fails::With(403)][..], &[Fails::Busy(3_600)], &[Fails::With(500); 3]] {
        for fails in fails {
            api.fail("sendMessage", *fails);
        }
        api.say(GUEST, "/whoami");
        api.say(ADMIN, "/whoami");
        api.told(ADMIN).await;
    }
    assert_eq!(api.standing(GUEST).len(), 0);
}

#[tokio::test]
async fn a_call_that_hangs_is_given_up() {
    let (api, _app, _hearing) = chat_with(Timing { call: Duration::from_secs(1), ..timing() }).await;
    api.idle().await;
    api.fail("sendMessage", Fails::Hangs);
    api.say(GUEST, "/whoami");
    api.told(GUEST).await;
}

#[tokio::test]
async fn polling_goes_on_after_every_kind_of_failure() {
    let api = BotApi::start();
    let app = node(&api, stores::memory().await, timing()).await;
    for method in ["getMe", "deleteWebhook", "setMyCommands", "getUpdates"] {
        for fails in [Fails::With(500), Fails::Busy(0), Fails::With(401), Fails::With(409), Fails::With(503)] {
            api.fail(method, fails);
        }
    }
    let _hearing = Hearing::of(&app);
    api.say(GUEST, "/whoami");
    api.told(GUEST).await;
    for fails in [Fails::With(500), Fails::Busy(0), Fails::With(401), Fails::With(409), Fails::Lost] {
        api.fail("getUpdates", fails);
        api.say(GUEST, "/whoami");
        api.told(GUEST).await;
    }
    api.idle().await;
    assert_eq!(api.standing(GUEST).len(), 6, "no update is lost, none is answered twice");
}

#[tokio::test]
async fn the_report_says_how_the_chat_is() {
    let api = BotApi::start();
    let app = node(&api, stores::memory().await, timing()).await;
    let status = async || app.master().get("/status").await.expect(200).json;
    let before = status().await;
    assert_eq!(before["components"]["telegram"], serde_json::Value::Null, "nobody has asked yet");
    assert_eq!(before["admin"]["telegram"]["reachable"], serde_json::Value::Null);
    let hearing = Hearing::of(&app);
    api.say(GUEST, "/whoami");
    api.told(GUEST).await;
    api.idle().await;
    let up = status().await;
    assert_eq!(up["components"]["telegram"], "ok");
    let chat = &up["admin"]["telegram"];
    assert_eq!((&chat["updates"], &chat["polling"]), (&"poll".into(), &true.into()));
    assert_eq!((&chat["bot"], &chat["reachable"]), (&"dalston_test_bot".into(), &true.into()));
    assert_eq!(chat["last_update_at"], "2026-01-01T00:00:00Z");
    hearing.stop().await;
    // A token that the chat does not know any more.
    let stubborn = Timing { hopeless: Duration::from_secs(3_600), ..timing() };
    let other = node(&api, stores::memory().await, stubborn).await;
    api.fail("getMe", Fails::With(401));
    let _hearing = Hearing::of(&other);
    api.next("getMe", |call| call.status == Some(401)).await;
    kit::process::eventually("the bot is down", async || {
        other.master().get("/status").await.expect(200).json["components"]["telegram"] == "down"
    })
    .await;
    let down = other.master().get("/status").await.expect(200);
    assert_eq!(down.json["status"], "degraded");
    assert!(!down.text.contains(TOKEN), "SEC-02");
}

#[tokio::test]
async fn with_the_store_away_updates_wait_until_it_is_back() {
    let api = BotApi::start();
    let mut server = Redis::start(&[]);
    let app = node(&api, stores::redis_at(server.url()).await, timing()).await;
    let _hearing = Hearing::of(&app);
    api.say(GUEST, "/whoami");
    api.told(GUEST).await;
    api.idle().await;
    server.kill();
    api.say(GUEST, "/whoami");
    api.say(ADMIN, "/keys_list");
    server.restart();
    api.told(ADMIN).await;
    api.told(GUEST).await;
    api.idle().await;
    assert_eq!((api.standing(ADMIN).len(), api.standing(GUEST).len()), (1, 2));
}
