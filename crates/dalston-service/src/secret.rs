//! Newly issued secrets. A secret is returned beside a response object, never inside it.

use dalston_auth::PlainKey;
use dalston_model::{Key, Target, TenantId};
use dalston_work::{Webhook, WebhookSecret, WorkTarget};

/// A newly issued secret.
#[derive(Debug)]
pub enum NewSecret {
    /// The secret of an API key.
    Key(PlainKey),
    /// The signing secret of a webhook.
    Webhook(WebhookSecret),
    /// A ticket.
    Ticket(PlainKey),
}

impl NewSecret {
    /// All values of [`NewSecret::name`].
    pub const NAMES: [&str; 3] = ["key", "secret", Self::TICKET];
    /// The name of a ticket's field in JSON.
    pub(crate) const TICKET: &str = "ticket";

    /// Returns the name of the secret's field in JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Webhook(_) => "secret",
            Self::Ticket(_) => Self::TICKET,
        }
    }

    /// Returns the secret in plain text.
    pub fn expose(&self) -> &str {
        match self {
            Self::Key(key) | Self::Ticket(key) => key.expose(),
            Self::Webhook(secret) => secret.expose(),
        }
    }
}

/// A newly issued secret and the object that it belongs to.
#[derive(Debug)]
pub struct IssuedSecret {
    /// The secret.
    pub secret: NewSecret,
    /// The tenant of the object.
    pub tenant: TenantId,
    /// The object that the secret belongs to.
    pub of: Target,
}

impl IssuedSecret {
    /// Creates the issued secret of a key.
    pub fn key(key: &Key, secret: PlainKey) -> Self {
        Self { secret: NewSecret::Key(secret), tenant: key.tenant.clone(), of: Target::key(key.id) }
    }

    /// Creates the issued secret of a webhook.
    pub fn webhook(webhook: &Webhook, secret: WebhookSecret) -> Self {
        Self {
            secret: NewSecret::Webhook(secret),
            tenant: webhook.tenant.clone(),
            of: WorkTarget::Webhook(webhook.id).into(),
        }
    }
}
