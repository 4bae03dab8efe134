//! Sends replies to users as messages.

use super::{bot::Bot, bot_api_error::BotApiError, client::Outgoing, markup::markup, warning::warning};
use crate::DialogueReply;
use dalston_command::{Block, Document, Span, Style};
use dalston_service::{NewSecret, Proposal, ServiceError};
use serde_json::{Value, json};
use tokio::time::sleep;

/// Attempts to send a part of a reply when Telegram does not respond. A duplicate is better than a lost reply.
const TRIES: u32 = 3;

impl Bot {
    /// Sends the reply to a user's message. `line` is the message, if it was slash text.
    pub(crate) async fn reply(&self, user: i64, line: Option<&str>, reply: DialogueReply) {
        let mut drawing = reply.drawing;
        if reply.partial {
            drawing = drawing.with(Block::Line(vec![Span::new(Style::Warning, "Only a part of it was done.")]));
        }
        if let Some(cursor) = &reply.next {
            let line = line.map_or_else(|| slash(reply.command.as_deref()), continued);
            let more = Span::new(Style::Code, &format!("{line} cursor={cursor}"));
            drawing = drawing.with(Block::Line(vec![Span::plain("More: "), more]));
        }
        if !drawing.blocks.is_empty() || reply.questions.is_empty() {
            self.send_document(user, &drawing, &Value::Null).await;
        }
        for question in &reply.questions {
            self.send_document(user, &question.drawing, &buttons(&question.proposal)).await;
        }
        for secret in &reply.secrets {
            self.send_secret(user, secret).await;
        }
    }

    /// Sends an error to a user.
    pub(crate) async fn refuse(&self, user: i64, error: &ServiceError) {
        self.send_document(user, &reason(error), &Value::Null).await;
    }

    /// Sends a document without its secrets. The buttons go below its last message.
    pub(crate) async fn send_document(&self, user: i64, drawing: &Document, buttons: &Value) {
        let parts = markup(drawing);
        let last = parts.len().saturating_sub(1);
        for (at, text) in parts.iter().enumerate() {
            let text = &*self.services.mask.text(text);
            let buttons = if at == last { buttons } else { &Value::Null };
            if let Err(fault) = self.send(Outgoing { chat: user, text, is_html: true, buttons }).await {
                tracing::warn!(event = "telegram.reply_failed", %fault, "could not deliver a reply");
                return;
            }
        }
    }

    async fn send(&self, message: Outgoing<'_>) -> Result<i64, BotApiError> {
        let mut tries = 1;
        loop {
            match self.telegram.send_message(message).await {
                Err(BotApiError::Unreachable(_)) if tries < TRIES => {
                    sleep(self.timing.backoff(tries, self.jitter())).await;
                    tries += 1;
                }
                sent => return sent,
            }
        }
    }

    /// Sends a secret in a message of its own, which is deleted later. Sends it once: the id of a message whose
    /// response was lost is unknown, so that message could not be deleted.
    async fn send_secret(&self, user: i64, secret: &NewSecret) {
        // A secret has only letters, digits and base64 symbols: no HTML escaping needed.
        let text = format!("🔑 <code>{}</code>\n\nSave it now: this message is deleted in a minute.", secret.expose());
        let message = Outgoing { chat: user, text: &text, is_html: true, buttons: &Value::Null };
        match self.telegram.send_message(message).await {
            Ok(sent) => self.erasures.plan(user, sent).await,
            Err(fault) => {
                tracing::warn!(event = "telegram.secret_undelivered", %fault, "could not deliver a secret");
                let lost = "The secret could not be delivered. Rotate it for another one.";
                self.send_document(user, &warning(lost), &Value::Null).await;
            }
        }
    }
}

/// The buttons that confirm or cancel a proposal.
fn buttons(proposal: &Proposal) -> Value {
    let button = |text: &str, word: &str| json!({"text": text, "callback_data": format!("{word}:{}", proposal.token)});
    json!({"inline_keyboard": [[button("✅ Confirm", "confirm"), button("✖️ Cancel", "cancel")]]})
}

/// Renders an error: its text, its code and the fields that it names.
fn reason(error: &ServiceError) -> Document {
    let code = error.code();
    let line = vec![
        Span::new(Style::Bad, &error.to_string()),
        Span::plain(" "),
        Span::new(Style::Faint, &format!("({})", code.as_str())),
    ];
    let drawing = Document::default().with(Block::Line(line));
    match error {
        ServiceError::Invalid(errors) => {
            let field = |error: &dalston_auth::FieldError| (error.field.clone(), vec![Span::plain(&error.detail)]);
            drawing.with(Block::Fields(errors.iter().map(field).collect()))
        }
        ServiceError::NotFound("Command") => drawing.with(Block::Line(vec![Span::plain("/help lists what there is.")])),
        _ => drawing,
    }
}

fn slash(command: Option<&str>) -> String {
    format!("/{}", command.unwrap_or_default().replace('.', "_"))
}

/// The slash text without its paging arguments.
fn continued(line: &str) -> String {
    let begins = |word: &&str| word.starts_with("cursor=") || word.starts_with("offset=");
    line.split_whitespace().filter(|word| !begins(word)).collect::<Vec<_>>().join(" ")
}
