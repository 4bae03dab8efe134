//! Parses updates of the Bot API.

use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_json::Value;

/// An update of the Bot API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TelegramUpdate {
    /// Its number, greater than those of earlier updates.
    pub(crate) id: i64,
    /// The user's action.
    pub(crate) heard: PersonAction,
}

/// An action of a person in their private chat with the bot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PersonAction {
    /// A text message.
    Words { user: i64, text: String },
    /// A button press.
    Press(Press),
    /// Nothing that the bot handles.
    Nothing,
}

/// A button press.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Press {
    /// The user who pressed it.
    pub(crate) user: i64,
    /// The id of the callback query, for the acknowledgement.
    pub(crate) query: String,
    /// The data of the button.
    pub(crate) data: String,
    /// The message with the button, if it is in the user's private chat.
    pub(crate) message: Option<i64>,
}

#[derive(Deserialize)]
struct TelegramMessage {
    #[serde(rename = "message_id")]
    id: i64,
    from: Option<User>,
    chat: Chat,
    text: Option<String>,
    /// Present on a forwarded message. Its text is another person's and must not run as a command of the user who
    /// forwards it.
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
    /// Whether the message is in the private chat of this user.
    ///
    /// The bot ignores groups and channels: other members would read its answers and could see a secret, or press a
    /// button meant for another user.
    fn is_in_chat_of(&self, user: i64) -> bool {
        self.chat.r#type == "private" && self.chat.id == user
    }
}

impl TelegramUpdate {
    /// Parses an update; `None` if it has no number. Anything else that cannot be parsed counts as nothing to handle.
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
