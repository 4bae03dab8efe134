//! Updates: what the chat says that somebody did.

use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_json::Value;

/// An update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TelegramUpdate {
    /// Its number: each is greater than those before.
    pub(crate) id: i64,
    /// What was done.
    pub(crate) heard: PersonAction,
}

/// What a person did in their chat with the bot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PersonAction {
    /// Wrote this.
    Words { user: i64, text: String },
    /// Pressed a button.
    Press(Press),
    /// Nothing that concerns the bot.
    Nothing,
}

/// A button that was pressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Press {
    /// By whom.
    pub(crate) user: i64,
    /// What the answer names.
    pub(crate) query: String,
    /// What the button stands for.
    pub(crate) data: String,
    /// The message with the button, if it stands in the user's own chat.
    pub(crate) message: Option<i64>,
}

#[derive(Deserialize)]
struct TelegramMessage {
    #[serde(rename = "message_id")]
    id: i64,
    from: Option<User>,
    chat: Chat,
    text: Option<String>,
    /// Somebody else's words, which are no command of who passes them on.
    forward_origin: Option<IgnoredAny>,
    forward_date: Option<IgnoredAny>,
    via_bot: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Callback {
    id: String,
    from: User,
    data: Option<String>,
    message: Option<TelegramMessage>,
}

#[derive(Deserialize)]
struct User {
    id: i64,
    is_bot: bool,
}

#[derive(Deserialize)]
struct Chat {
    id: i64,
    r#type: String,
}

impl TelegramMessage {
    /// Whether it stands in the private chat of this user.
    ///
    /// Groups and channels are not heard at all: whatever is answered there is read by others, and a secret must never
    /// land there, nor may a member press another's button.
    fn is_in_chat_of(&self, user: i64) -> bool {
        self.chat.r#type == "private" && self.chat.id == user
    }
}

impl TelegramUpdate {
    /// Reads an update; `None` if it has no number. What is not understood is nothing that concerns the bot.
    pub(crate) fn read(mut value: Value) -> Option<Self> {
        let id = value["update_id"].as_i64()?;
        let heard = match (take(&mut value, "message"), take(&mut value, "callback_query")) {
            (Some(message), _) => words(message),
            (None, Some(callback)) => press(callback),
            (None, None) => None,
        };
        Some(Self { id, heard: heard.unwrap_or(PersonAction::Nothing) })
    }
}

fn take<T: DeserializeOwned>(value: &mut Value, name: &str) -> Option<T> {
    serde_json::from_value(value.get_mut(name)?.take()).ok()
}

fn words(message: TelegramMessage) -> Option<PersonAction> {
    let user = message.from.as_ref().filter(|user| !user.is_bot)?.id;
    let is_own = message.forward_origin.is_none() && message.forward_date.is_none() && message.via_bot.is_none();
    let is_heard = is_own && message.is_in_chat_of(user);
    message.text.filter(|_| is_heard).map(|text| PersonAction::Words { user, text })
}

fn press(callback: Callback) -> Option<PersonAction> {
    let user = Some(callback.from).filter(|user| !user.is_bot)?.id;
    let message = callback.message.filter(|message| message.is_in_chat_of(user)).map(|message| message.id);
    Some(PersonAction::Press(Press { user, query: callback.id, data: callback.data?, message }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn message(change: impl FnOnce(&mut Value)) -> PersonAction {
        let mut message = json!({
            "message_id": 5, "date": 0, "text": "/help",
            "from": {"id": 7, "is_bot": false, "first_name": "A"}, "chat": {"id": 7, "type": "private"},
        });
        change(&mut message);
        TelegramUpdate::read(json!({"update_id": 1, "message": message})).unwrap().heard
    }

    #[test]
    fn only_a_person_in_their_own_chat_is_heard() {
        assert_eq!(message(|_| ()), PersonAction::Words { user: 7, text: "/help".to_owned() });
        assert_eq!(message(|it| it["chat"] = json!({"id": -7, "type": "group"})), PersonAction::Nothing);
        assert_eq!(message(|it| it["chat"] = json!({"id": -7, "type": "supergroup"})), PersonAction::Nothing);
        assert_eq!(message(|it| it["chat"] = json!({"id": 8, "type": "private"})), PersonAction::Nothing);
        assert_eq!(message(|it| it["from"]["is_bot"] = json!(true)), PersonAction::Nothing);
        assert_eq!(message(|it| it["from"] = json!(null)), PersonAction::Nothing);
        assert_eq!(message(|it| it["forward_origin"] = json!({"type": "user"})), PersonAction::Nothing);
        assert_eq!(message(|it| it["via_bot"] = json!({"id": 1, "is_bot": true})), PersonAction::Nothing);
        assert_eq!(message(|it| it["text"] = json!(null)), PersonAction::Nothing);
        let edited = json!({"update_id": 1, "edited_message": {"text": "/help"}});
        assert_eq!(TelegramUpdate::read(edited).unwrap().heard, PersonAction::Nothing);
        assert_eq!(TelegramUpdate::read(json!({"update_id": 2, "message": []})).unwrap().heard, PersonAction::Nothing);
        assert_eq!(TelegramUpdate::read(json!({})), None);
        assert_eq!(TelegramUpdate::read(json!([])), None);
    }
}
