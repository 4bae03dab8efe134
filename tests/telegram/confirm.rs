//! What cannot be undone is asked for.

use super::{ADMIN, DEPUTY, GUEST, chat};
use kit::{app::App, bot_api::BotApi, client::Client};

/// A key, and the question whether to revoke it.
async fn asked(api: &BotApi, app: &App) -> (Client, kit::bot_api::Call) {
    let key = app.key("jobs:read").await;
    api.say(ADMIN, &format!("/keys_revoke {}", key.id.unwrap()));
    let question = api.told(ADMIN).await;
    assert!(question.text().contains("cannot be undone"), "{}", question.text());
    assert!(question.text().contains(&key.id.unwrap().to_string()));
    key.get("/auth/me").await.expect(200);
    for at in [0, 1] {
        assert!(question.button(at).len() <= 64);
    }
    (key, question)
}

#[tokio::test]
async fn it_is_done_once_the_button_is_pressed() {
    let (api, app, _hearing) = chat().await;
    let (key, question) = asked(&api, &app).await;
    let message = question.message.unwrap();
    api.press(ADMIN, ADMIN, message, &question.button(0));
    assert!(api.told(ADMIN).await.text().contains("revoked"));
    key.get("/auth/me").await.expect(401);
    api.next("answerCallbackQuery", |call| call.body["callback_query_id"] == "77").await;
    let buttons = api.next("editMessageReplyMarkup", |call| call.body["message_id"] == message).await;
    assert_eq!(buttons.body["reply_markup"]["inline_keyboard"], serde_json::json!([]));
    api.press(ADMIN, ADMIN, message, &question.button(0));
    assert!(api.told(ADMIN).await.text().contains("Confirmation not found"), "a token works once");
}

#[tokio::test]
async fn what_is_cancelled_can_be_confirmed_by_nobody_any_more() {
    let (api, app, _hearing) = chat().await;
    let (key, question) = asked(&api, &app).await;
    let message = question.message.unwrap();
    api.press(ADMIN, ADMIN, message, &question.button(1));
    assert!(api.told(ADMIN).await.text().contains("nothing was done"));
    api.press(ADMIN, ADMIN, message, &question.button(0));
    assert!(api.told(ADMIN).await.text().contains("Confirmation not found"));
    key.get("/auth/me").await.expect(200);
}

#[tokio::test]
async fn nobody_else_can_confirm_or_cancel_it() {
    let (api, app, _hearing) = chat().await;
    let (key, question) = asked(&api, &app).await;
    let message = question.message.unwrap();
    for user in [DEPUTY, GUEST] {
        for at in [0, 1] {
            // In the administrator's chat, and in one's own with the token of another.
            api.press(user, ADMIN, message, &question.button(at));
            let told = api.next("answerCallbackQuery", |call| !call.body["text"].is_null()).await;
            assert_eq!(told.text(), "Only whoever asked may answer.");
            api.press(user, user, 1, &question.button(at));
            assert!(api.told(user).await.text().contains("Confirmation not found"));
        }
    }
    key.get("/auth/me").await.expect(200);
    assert!(api.calls("editMessageReplyMarkup").iter().all(|call| call.body["chat_id"] != ADMIN), "the buttons stay");
    api.press(ADMIN, ADMIN, message, &question.button(0));
    assert!(api.told(ADMIN).await.text().contains("revoked"));
    key.get("/auth/me").await.expect(401);
}

#[tokio::test]
async fn what_would_be_refused_is_not_asked() {
    let (api, app, _hearing) = chat().await;
    let key = app.key("jobs:read").await;
    api.say(GUEST, &format!("/keys_revoke {}", key.id.unwrap()));
    let refused = api.told(GUEST).await;
    assert!(refused.text().contains("Missing required scope: admin") && refused.body["reply_markup"].is_null());
    api.say(ADMIN, "/keys_revoke key_id=x colour=red");
    assert!(api.told(ADMIN).await.text().contains("colour"));
    // A button that nobody made.
    api.press(ADMIN, ADMIN, 1, "confirm:00000000000000000000000000000000");
    assert!(api.told(ADMIN).await.text().contains("Confirmation not found"));
    api.press(ADMIN, ADMIN, 1, "nonsense");
    api.idle().await;
    assert_eq!(api.calls("sendMessage").len(), 3);
}
