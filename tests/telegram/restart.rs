//! A node that ends in the middle: no update is lost, no effect comes twice.

use super::{ADMIN, DEPUTY, GUEST, Hearing, node, secret, timing};
use kit::{
    app::App,
    bot_api::{BotApi, Fails},
    stores,
};
use std::time::Duration;

/// How many keys there are.
async fn keys(app: &App) -> usize {
    app.master().get("/auth/keys?limit=100").await.expect(200).ids().len()
}

#[tokio::test]
async fn what_was_answered_before_a_restart_is_not_answered_again() {
    let api = BotApi::start();
    let fixture = stores::memory().await;
    let other = stores::shared(&fixture);
    let mut first = node(&api, fixture, timing()).await;
    let hearing = Hearing::of(&first);
    api.say(ADMIN, "/keys_create one");
    api.say(GUEST, "/whoami");
    api.told(GUEST).await;
    hearing.stop().await;
    first.stop();
    api.say(GUEST, "/status");
    let next = node(&api, other, timing()).await;
    let _hearing = Hearing::of(&next);
    api.next("sendMessage", |call| call.body["chat_id"] == GUEST && call.text().contains("healthy")).await;
    api.idle().await;
    assert_eq!((keys(&next).await, api.standing(GUEST).len(), api.standing(ADMIN).len()), (1, 2, 2));
    secret(&api.standing(ADMIN)[1]);
}

#[tokio::test]
async fn an_update_that_a_crash_cut_off_is_answered_and_its_command_runs_once() {
    let api = BotApi::start();
    let fixture = stores::memory().await;
    let other = stores::shared(&fixture);
    let mut crashed = node(&api, fixture, timing()).await;
    let hearing = Hearing::of(&crashed);
    api.idle().await;
    // The command is done, its answer hangs; the next update waits behind it.
    api.fail("sendMessage", Fails::Hangs);
    api.say(ADMIN, "/keys_create once");
    api.next("sendMessage", |call| call.body["chat_id"] == ADMIN).await;
    api.say(GUEST, "/whoami");
    hearing.kill().await;
    crashed.stop();

    let next = node(&api, other, timing()).await;
    let _hearing = Hearing::of(&next);
    // Nobody gave the right to poll back: it lapses.
    next.clock.advance(Duration::from_secs(60));
    let told = api.told(ADMIN).await;
    assert!(told.text().contains("conflict"), "the key is there, its secret is nowhere: {}", told.text());
    api.told(GUEST).await;
    api.idle().await;
    assert_eq!(keys(&next).await, 1);
    assert_eq!((api.standing(ADMIN).len(), api.standing(GUEST).len()), (1, 1));
}

#[tokio::test]
async fn a_nudge_that_a_crash_cut_off_is_not_sent_twice() {
    let api = BotApi::start();
    let fixture = stores::memory().await;
    let other = stores::shared(&fixture);
    let mut crashed = node(&api, fixture, timing()).await;
    let hearing = Hearing::of(&crashed);
    api.idle().await;
    api.say(ADMIN, "/nudge message=hello");
    api.told(DEPUTY).await;
    // What the nudge came to is told to whoever asked, and that hangs.
    api.fail("sendMessage", Fails::Hangs);
    api.say(ADMIN, "/nudge message='hello again'");
    api.next("sendMessage", |call| call.status.is_none()).await;
    hearing.kill().await;
    crashed.stop();
    let next = node(&api, other, timing()).await;
    let _hearing = Hearing::of(&next);
    next.clock.advance(Duration::from_secs(60));
    api.idle().await;
    let nudges = |text: &str| api.standing(DEPUTY).iter().filter(|it| it.as_str() == text).count();
    assert_eq!(nudges("hello"), 1);
    assert!(nudges("hello again") <= 1);
}

#[tokio::test]
async fn an_update_under_way_is_finished_before_the_node_stops() {
    let api = BotApi::start();
    let app = node(&api, stores::memory().await, timing()).await;
    let hearing = Hearing::of(&app);
    api.idle().await;
    api.fail("sendMessage", Fails::Busy(1));
    let update = api.say(GUEST, "/whoami");
    api.next("sendMessage", |call| call.status == Some(429)).await;
    hearing.stop().await;
    assert_eq!(api.standing(GUEST).len(), 1);
    let offset = api.calls("getUpdates").last().unwrap().body["offset"].clone();
    assert!(offset.is_null(), "it asked for no more: {offset} {update}");
}
