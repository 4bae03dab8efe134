//! Notifications (nudges): plain texts to administrators.

use super::{
    client::{Outgoing, Telegram},
    parts::plain,
};
use async_trait::async_trait;
use dalston_service::{ChatState, NotDelivered, Notifier};
use serde_json::Value;

#[async_trait]
impl Notifier for Telegram {
    /// Sends a text, split into several messages if it is too long for one. Returns the id of the first. Never resends
    /// a message that may have arrived.
    async fn send(&self, user: i64, text: &str) -> Result<i64, NotDelivered> {
        let mut first = None;
        for text in plain(text) {
            let message = Outgoing { chat: user, text: &text, is_html: false, buttons: &Value::Null };
            let sent = self.send_message(message).await.inspect_err(|fault| {
                tracing::warn!(event = "telegram.nudge_failed", %fault, "could not send a nudge");
            })?;
            first.get_or_insert(sent);
        }
        first.ok_or(NotDelivered::Refused)
    }

    fn state(&self) -> ChatState {
        self.state().clone()
    }
}
