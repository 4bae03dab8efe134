//! Secrets: in a message of their own, and not for long.

use super::{ADMIN, Hearing, chat, chat_with, node, secret, timing};
use dalston_runtime::Timing;
use kit::{
    bot_api::{BotApi, Fails},
    stores,
};
use std::time::Duration;

#[tokio::test]
async fn a_secret_comes_in_a_message_of_its_own_that_is_deleted() {
    let (api, app, _hearing) = chat_with(Timing { secret: Duration::ZERO, ..timing() }).await;
    api.say(ADMIN, "/keys_create name=made scopes=jobs:read");
    let answer = api.told(ADMIN).await;
    let handed = api.told(ADMIN).await;
    let secret = secret(handed.text());
    assert!(answer.text().contains("made") && !answer.text().contains(&secret), "KEY-03");
    assert!(handed.text().contains("deleted in a minute"));
    app.with(&secret).get("/auth/me").await.expect(200);
    let deleted = api.next("deleteMessage", |call| call.status == Some(200)).await;
    assert_eq!(deleted.body["chat_id"], ADMIN);
    assert_eq!(deleted.body["message_id"].as_i64(), handed.message);
    let other = api.calls("sendMessage").into_iter().filter(|call| call.message != handed.message);
    assert!(other.map(|call| call.body.to_string()).all(|text| !text.contains(&secret)));
    assert!(!api.transcript(&["sendMessage"]).contains(&secret));
}

#[tokio::test]
async fn a_secret_stands_for_a_minute_unless_the_node_stops() {
    let (api, app, hearing) = chat().await;
    api.say(ADMIN, "/keys_create made");
    api.told(ADMIN).await;
    let first = api.told(ADMIN).await;
    api.idle().await;
    app.clock.advance(Duration::from_secs(59));
    app.runtime.recover().await;
    assert_eq!(api.calls("deleteMessage").len(), 0);
    app.clock.advance(Duration::from_secs(1));
    app.runtime.recover().await;
    assert_eq!(api.calls("deleteMessage")[0].body["message_id"].as_i64(), first.message);
    app.runtime.recover().await;
    assert_eq!(api.calls("deleteMessage").len(), 1, "once");

    api.say(ADMIN, "/keys_create another");
    api.told(ADMIN).await;
    let second = api.told(ADMIN).await;
    api.idle().await;
    hearing.stop().await;
    app.runtime.stop().await;
    let deleted = api.calls("deleteMessage");
    assert_eq!((deleted.len(), deleted[1].body["message_id"].as_i64()), (2, second.message));
    for call in [first, second] {
        assert!(!api.standing(ADMIN).contains(&call.text().to_owned()));
        secret(call.text());
    }
}

#[tokio::test]
async fn a_secret_that_a_crash_left_in_the_chat_is_deleted_by_the_next_start() {
    let api = BotApi::start();
    let fixture = stores::memory().await;
    let other = stores::shared(&fixture);
    let mut crashed = node(&api, fixture, timing()).await;
    let hearing = Hearing::of(&crashed);
    api.say(ADMIN, "/keys_create made");
    api.told(ADMIN).await;
    let handed = api.told(ADMIN).await;
    secret(handed.text());
    api.idle().await;
    hearing.kill().await;
    crashed.stop();
    let next = node(&api, other, timing()).await;
    next.runtime.recover().await;
    assert_eq!(api.calls("deleteMessage").len(), 0, "its minute is not over");
    next.clock.advance(Duration::from_secs(60));
    // The chat is away for a moment: it is tried again.
    api.fail("deleteMessage", Fails::With(500));
    next.runtime.recover().await;
    assert!(api.standing(ADMIN).contains(&handed.text().to_owned()));
    next.runtime.recover().await;
    assert!(!api.standing(ADMIN).contains(&handed.text().to_owned()));
    next.runtime.recover().await;
    assert_eq!(api.calls("deleteMessage").len(), 2);
}

#[tokio::test]
async fn a_secret_that_may_have_arrived_is_not_sent_again() {
    let (api, _app, _hearing) = chat().await;
    // The answer to the command is delivered, the answer to the secret is lost.
    api.fail("sendMessage", Fails::Not);
    api.fail("sendMessage", Fails::Lost);
    api.say(ADMIN, "/keys_create made");
    api.told(ADMIN).await;
    let lost = api.told(ADMIN).await;
    secret(lost.text());
    let told = api.told(ADMIN).await;
    assert!(told.text().contains("Rotate it"), "{}", told.text());
    assert!(!told.text().contains("dk_"));
}

#[tokio::test]
async fn rotation_hands_over_the_new_secret_after_it_is_confirmed() {
    let (api, app, _hearing) = chat_with(Timing { secret: Duration::ZERO, ..timing() }).await;
    let key = app.key("jobs:read").await;
    api.say(ADMIN, &format!("/keys_rotate {}", key.id.unwrap()));
    let mut answer = api.told(ADMIN).await;
    // Where it cannot be undone it is asked for.
    if !answer.body["reply_markup"].is_null() {
        api.press(ADMIN, ADMIN, answer.message.unwrap(), &answer.button(0));
        answer = api.told(ADMIN).await;
    }
    let handed = api.told(ADMIN).await;
    let secret = secret(handed.text());
    assert!(!answer.text().contains(&secret));
    app.with(&secret).get("/auth/me").await.expect(200);
    api.next("deleteMessage", |call| call.body["message_id"].as_i64() == handed.message).await;
}
