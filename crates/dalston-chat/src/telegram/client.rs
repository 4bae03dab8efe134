//! Client of the Telegram Bot API: the few methods that the bot uses, over one HTTP client.

use super::{Timing, bot_api_error::BotApiError};
use dalston_auth::SecretText;
use dalston_model::SharedClock;
use dalston_service::ChatState;
use reqwest::{Client, redirect};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::sleep;

/// Maximum size of a response in bytes: many times the size of one poll's updates.
const ANSWER: usize = 8 * 1024 * 1024;
/// Maximum number of updates in one poll.
const UPDATES: u32 = 25;
/// The kinds of updates to receive. Telegram sends no others.
const ALLOWED_UPDATES: [&str; 2] = ["message", "callback_query"];
/// Longest rate-limit delay to wait for. A message with a longer one is not sent.
const LONGEST_RATE_LIMIT_DELAY: Duration = Duration::from_secs(30);
/// Maximum number of rate-limit delays of one message.
const MAX_RATE_LIMIT_DELAYS: usize = 2;

/// The configuration of a [`Telegram`] client.
pub struct TelegramParts {
    /// The bot's token.
    pub token: SecretText,
    /// The Bot API server, without a slash at the end.
    pub api_url: String,
    /// Whether updates are received by webhook.
    pub webhook: bool,
    /// The node's clock.
    pub clock: SharedClock,
    /// Timeouts and intervals.
    pub timing: Timing,
}

/// A client of the Bot API.
pub struct Telegram {
    http: Client,
    api_url: String,
    token: SecretText,
    clock: SharedClock,
    timing: Timing,
    state: Mutex<ChatState>,
}

/// A message to send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outgoing<'a> {
    /// The user who receives it.
    pub(crate) chat: i64,
    /// The text.
    pub(crate) text: &'a str,
    /// Whether the text is HTML.
    pub(crate) is_html: bool,
    /// The inline keyboard in the Bot API's JSON; null for none.
    pub(crate) buttons: &'a Value,
}

/// The response of every method.
#[derive(Deserialize)]
struct BotApiAnswer {
    ok: bool,
    #[serde(default)]
    result: Value,
    #[serde(default)]
    description: String,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Default, Deserialize)]
struct Parameters {
    retry_after: Option<u64>,
}

impl Telegram {
    /// Creates a client for this bot. Sends no request yet. Fails if TLS cannot be set up.
    pub fn new(parts: TelegramParts) -> Result<Self, reqwest::Error> {
        let TelegramParts { token, api_url, webhook, clock, timing } = parts;
        dalston_tls::install_provider();
        // The URL contains the token and must reach only this server. So there is no proxy from the environment (which
        // only `main` reads), no redirect, and no `Referer` header.
        let http = Client::builder().no_proxy().referer(false).redirect(redirect::Policy::none()).build()?;
        let state = ChatState {
            updates: if webhook { "webhook" } else { "poll" }.to_owned(),
            polling: (!webhook).then_some(false),
            bot: None,
            reachable: None,
            last_update_at: None,
        };
        Ok(Self { http, api_url, token, clock, timing, state: Mutex::new(state) })
    }

    /// The id of the bot: the part of its token before the colon, which is not secret.
    pub(crate) fn bot(&self) -> &str {
        self.token.expose().split(':').next().unwrap_or_default()
    }

    /// The token, to derive other secrets from.
    pub(crate) const fn token(&self) -> &SecretText {
        &self.token
    }

    /// Requests the bot's own user name and stores it in the state.
    pub(crate) async fn get_me(&self) -> Result<(), BotApiError> {
        let me: Value = self.call("getMe", &json!({}), self.timing.call).await?;
        self.state().bot = me["username"].as_str().map(str::to_owned);
        Ok(())
    }

    /// Long-polls for updates from `offset` on, which confirms all earlier ones.
    pub(crate) async fn get_updates(&self, offset: Option<i64>) -> Result<Vec<Value>, BotApiError> {
        let mut body =
            json!({"timeout": self.timing.poll.as_secs(), "limit": UPDATES, "allowed_updates": ALLOWED_UPDATES});
        if let Some(offset) = offset {
            body["offset"] = offset.into();
        }
        self.call("getUpdates", &body, self.timing.poll + self.timing.call).await
    }

    /// Sends a message at most once and returns its id. Waits out a short rate-limit delay. Does not retry without a
    /// response, because the message may have arrived.
    pub(crate) async fn send_message(&self, message: Outgoing<'_>) -> Result<i64, BotApiError> {
        let mut body =
            json!({"chat_id": message.chat, "text": message.text, "link_preview_options": {"is_disabled": true}});
        if message.is_html {
            body["parse_mode"] = "HTML".into();
        }
        if !message.buttons.is_null() {
            body["reply_markup"] = message.buttons.clone();
        }
        let mut waits = 0;
        loop {
            match self.call::<Value>("sendMessage", &body, self.timing.call).await {
                Ok(sent) => return Ok(sent["message_id"].as_i64().unwrap_or_default()),
                Err(BotApiError::Busy(time)) if waits < MAX_RATE_LIMIT_DELAYS && time <= LONGEST_RATE_LIMIT_DELAY => {
                    waits += 1;
                    sleep(time).await;
                }
                Err(fault) => return Err(fault),
            }
        }
    }

    /// Deletes a message.
    pub(crate) async fn delete_message(&self, chat: i64, message: i64) -> Result<(), BotApiError> {
        self.done("deleteMessage", json!({"chat_id": chat, "message_id": message})).await
    }

    /// Removes the buttons of a message.
    pub(crate) async fn remove_buttons(&self, chat: i64, message: i64) -> Result<(), BotApiError> {
        let none = json!({"inline_keyboard": []});
        self.done("editMessageReplyMarkup", json!({"chat_id": chat, "message_id": message, "reply_markup": none})).await
    }

    /// Acknowledges a button press; `text` is shown to the user who pressed.
    pub(crate) async fn answer_press(&self, query: &str, text: Option<&str>) -> Result<(), BotApiError> {
        let mut body = json!({"callback_query_id": query});
        if let Some(text) = text {
            body["text"] = text.into();
        }
        self.done("answerCallbackQuery", body).await
    }

    /// Sets the command menu of a scope.
    pub(crate) async fn set_commands(&self, commands: &Value, scope: &Value) -> Result<(), BotApiError> {
        self.done("setMyCommands", json!({"commands": commands, "scope": scope})).await
    }

    /// Registers a webhook at `url`; Telegram sends `secret` in a header of each request.
    pub(crate) async fn set_webhook(&self, url: &str, secret: &str) -> Result<(), BotApiError> {
        self.done("setWebhook", json!({"url": url, "secret_token": secret, "allowed_updates": ALLOWED_UPDATES})).await
    }

    /// Removes the webhook, so that updates wait for polling.
    pub(crate) async fn delete_webhook(&self) -> Result<(), BotApiError> {
        self.done("deleteWebhook", json!({})).await
    }

    async fn done(&self, method: &str, body: Value) -> Result<(), BotApiError> {
        self.call::<Value>(method, &body, self.timing.call).await.map(|_| ())
    }

    /// Calls a method, and records whether the Bot API is reachable.
    async fn call<T: DeserializeOwned>(&self, method: &str, body: &Value, within: Duration) -> Result<T, BotApiError> {
        let answered = self.ask(method, body, within).await;
        let reachable = !matches!(answered, Err(BotApiError::Unreachable(_) | BotApiError::Token));
        self.state().reachable = Some(reachable);
        let unlike = |_| BotApiError::Unreachable("not as the Bot API answers".to_owned());
        answered.and_then(|result| serde_json::from_value(result).map_err(unlike))
    }

    async fn ask(&self, method: &str, body: &Value, within: Duration) -> Result<Value, BotApiError> {
        let url = format!("{}/bot{}/{method}", self.api_url, self.token.expose());
        let request = self.http.post(url).timeout(within).json(body);
        let mut response = request.send().await.map_err(BotApiError::unanswered)?;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(BotApiError::unanswered)? {
            if bytes.len() + chunk.len() > ANSWER {
                return Err(BotApiError::Unreachable("the answer is too long".to_owned()));
            }
            bytes.extend_from_slice(&chunk);
        }
        let answer = serde_json::from_slice::<BotApiAnswer>(&bytes);
        match (status.as_u16(), answer) {
            (200..=299, Ok(BotApiAnswer { ok: true, result, .. })) => Ok(result),
            // 404: the token is malformed.
            (401 | 404, _) => Err(BotApiError::Token),
            (429, answer) => {
                let seconds = answer.ok().and_then(|answer| answer.parameters.retry_after);
                Err(BotApiError::Busy(Duration::from_secs(seconds.unwrap_or(1))))
            }
            (code @ 400..=499, Ok(BotApiAnswer { description: said, .. })) => Err(BotApiError::Refused { code, said }),
            (code, _) => Err(BotApiError::Unreachable(format!("answered with {code}"))),
        }
    }

    /// Records that an update was received.
    pub(crate) fn record_update(&self) {
        let now = self.clock.now();
        self.state().last_update_at = Some(now);
    }

    /// Records whether this node polls.
    pub(crate) fn set_polling(&self, polling: bool) {
        self.state().polling = Some(polling);
    }

    /// The state of the connection to Telegram.
    pub(crate) fn state(&self) -> MutexGuard<'_, ChatState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
