//! A secret that was made: it goes beside an answer, never in it.

use dalston_auth::PlainKey;
use dalston_model::{Key, Target, TenantId};
use dalston_work::{Webhook, WebhookSecret, WorkTarget};

/// A secret that was made.
#[derive(Debug)]
pub enum NewSecret {
    /// Of an API key.
    Key(PlainKey),
    /// Of a webhook.
    Webhook(WebhookSecret),
    /// A ticket.
    Ticket(PlainKey),
}

impl NewSecret {
    /// All that [`NewSecret::name`] may give.
    pub const NAMES: [&str; 3] = ["key", "secret", Self::TICKET];
    /// What doors of JSON call a ticket.
    pub(crate) const TICKET: &str = "ticket";

    /// What doors of JSON call it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Webhook(_) => "secret",
            Self::Ticket(_) => Self::TICKET,
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

/// A secret that was made, and what it is the secret of.
#[derive(Debug)]
pub struct IssuedSecret {
    /// The secret.
    pub secret: NewSecret,
    /// The tenant of what it is of.
    pub tenant: TenantId,
    /// What it is of.
    pub of: Target,
}

impl IssuedSecret {
    /// Of a key.
    pub fn key(key: &Key, secret: PlainKey) -> Self {
        Self { secret: NewSecret::Key(secret), tenant: key.tenant.clone(), of: Target::key(key.id) }
    }

    /// Of a webhook.
    pub fn webhook(webhook: &Webhook, secret: WebhookSecret) -> Self {
        Self {
            secret: NewSecret::Webhook(secret),
            tenant: webhook.tenant.clone(),
            of: WorkTarget::Webhook(webhook.id).into(),
        }
    }
}
