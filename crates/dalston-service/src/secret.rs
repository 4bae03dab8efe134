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
}

impl Secret {
    /// What doors of JSON call it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Webhook(_) => "secret",
        }
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        match self {
            Self::Key(key) => key.expose(),
            Self::Webhook(secret) => secret.expose(),
        }
    }
}
