//! Nudges: plain texts to administrators.

use super::{
    client::{Outgoing, Telegram},
    parts::plain,
};
use async_trait::async_trait;
use dalston_service::{ChatState, Notifier, NotDelivered};
use serde_json::Value;

#[async_trait]
impl Notifier for Telegram {
    /// A text that is too long for one message comes as several; the first gives the id. What may have arrived is not
    /// sent again.
    async fn send(&self, user: i64, text: &str) -> Result<i64, NotDelivered> {
        let mut first = None;
        for text in plain(text) {
            let message = Outgoing { chat: user, text: &text, is_html: false, buttons: &Value::Null };
            let sent =
                self.send_message(message).await.inspect_err(|fault| tracing::warn!(%fault, "a nudge failed"))?;
            first.get_or_insert(sent);
        }
        first.ok_or(NotDelivered::Refused)
    }

    fn state(&self) -> ChatState {
        self.state().clone()
    }
}
