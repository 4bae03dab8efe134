//! A secret that was made: it goes beside an answer, never in it.

use dalston_auth::PlainKey;
use dalston_model::WebhookSecret;

/// A secret that was made.
#[derive(Debug)]
pub enum Secret {
    /// Of an API key.
    Key(PlainKey),
    /// Of a webhook.
    Webhook(WebhookSecret),
    /// A ticket.
    Ticket(PlainKey),
}

impl Secret {
    /// All that [`Secret::name`] may give.
    pub const NAMES: [&str; 3] = ["key", "secret", "ticket"];

    /// What doors of JSON call it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Webhook(_) => "secret",
            Self::Ticket(_) => "ticket",
        }
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        match self {
            Self::Key(key) | Self::Ticket(key) => key.expose(),
            Self::Webhook(secret) => secret.expose(),
        }
    }
}
