//! Several nodes, one of which polls.

use super::{ADMIN, GUEST, Hearing, node, timing};
use dalston_runtime::Timing;
use kit::{
    app::App,
    bot_api::{BotApi, Fails},
    process::eventually,
    stores,
};
use std::time::Duration;

/// How the notes of the bot are called.
const NOTES: &str = "telegram:123456";

/// Whether a node is the one that polls.
async fn polls(app: &App) -> bool {
    app.master().get("/status").await.expect(200).json["admin"]["telegram"]["polling"] == true
}

#[tokio::test]
async fn one_node_polls_and_another_does_when_it_stops() {
    let api = BotApi::start();
    let fixture = stores::memory().await;
    let other = stores::shared(&fixture);
    let (first, second) = (node(&api, fixture, timing()).await, node(&api, other, timing()).await);
    let hearing = Hearing::of(&first);
    api.idle().await;
    let waiting = Hearing::of(&second);
    eventually("the second knows the bot", async || api.calls("getMe").len() == 2).await;
    for _ in 0..20 {
        api.say(GUEST, "/whoami");
    }
    for _ in 0..20 {
        api.told(GUEST).await;
    }
    api.idle().await;
    assert!(polls(&first).await && !polls(&second).await);
    assert!(api.calls("getUpdates").iter().all(|call| call.status != Some(409)), "no two polled at once");
    hearing.stop().await;
    api.say(ADMIN, "/whoami");
    api.told(ADMIN).await;
    api.idle().await;
    assert!(!polls(&first).await && polls(&second).await);
    assert_eq!((api.standing(GUEST).len(), api.standing(ADMIN).len()), (20, 1));
    waiting.stop().await;
}

#[tokio::test]
async fn a_node_that_lost_the_right_to_poll_drops_what_it_is_at() {
    let api = BotApi::start();
    let fixture = stores::memory().await;
    let store = fixture.store.clone();
    let lease = Duration::from_millis(30);
    let app = node(&api, fixture, Timing { lease, ..timing() }).await;
    let _hearing = Hearing::of(&app);
    api.idle().await;
    api.fail("sendMessage", Fails::Hangs);
    api.say(GUEST, "/whoami");
    api.next("sendMessage", |call| call.status.is_none()).await;
    // As if it had been away so long that another took it.
    let (name, ttl) = (format!("{NOTES}:poller"), Duration::from_secs(60));
    let holder = store.get_entry(&name).await.unwrap().unwrap();
    assert!(store.put_entry(&name, Some(&holder), "another", ttl).await.unwrap());
    eventually("it stands by", async || !polls(&app).await).await;
    assert!(api.standing(GUEST).is_empty());
    // Which gives it back without having answered.
    assert!(store.put_entry(&name, Some("another"), "", ttl).await.unwrap());
    api.told(GUEST).await;
    api.idle().await;
    assert_eq!(api.standing(GUEST).len(), 1);
}

#[tokio::test]
async fn a_node_with_old_updates_in_its_hands_answers_none_that_another_did() {
    let api = BotApi::start();
    let fixture = stores::memory().await;
    let store = fixture.store.clone();
    let app = node(&api, fixture, timing()).await;
    api.fail("sendMessage", Fails::Busy(1));
    let updates: Vec<i64> = (0..5).map(|_| api.say(GUEST, "/whoami")).collect();
    let _hearing = Hearing::of(&app);
    // It has all of them, and is at the first.
    api.next("sendMessage", |call| call.status == Some(429)).await;
    let name = format!("{NOTES}:done");
    let begun = store.get_entry(&name).await.unwrap().unwrap();
    assert!(begun.starts_with(&format!("{} ", updates[0] - 1)), "{begun}");
    let another = (updates[3]).to_string();
    assert!(store.put_entry(&name, Some(&begun), &another, Duration::from_secs(60)).await.unwrap());
    api.told(GUEST).await;
    api.told(GUEST).await;
    api.idle().await;
    assert_eq!(api.standing(GUEST).len(), 2, "the one that it was at, and the last");
}

#[tokio::test]
async fn without_a_bot_nothing_is_asked_and_nothing_is_heard() {
    let api = BotApi::start();
    let app = App::start().await;
    assert!(app.runtime.bot.is_none());
    assert_eq!(app.master().get("/status").await.expect(200).json["admin"]["telegram"], serde_json::Value::Null);
    assert_eq!(api.transcript(&[]), "");
}
