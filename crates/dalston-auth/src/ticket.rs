//! Tickets: single-use credentials that stand for a key on one route. The store holds only their digests.

use crate::{Digester, KeyFormat, PlainKey, secret::TICKET};
use dalston_model::{Entropy, EntropyError, KeyId, TenantId};
use serde_json::{Value, json};
use std::time::Duration;

/// What a ticket authorizes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The tenant of its key.
    pub key_tenant: TenantId,
    /// Its key. The ticket has the rights of the key, as long as the key is live.
    pub key: KeyId,
    /// The tenant in which the caller acts.
    pub tenant: TenantId,
    /// The path on which the ticket is accepted.
    pub path: String,
    /// The origin from which the ticket is accepted; `None` for any.
    pub origin: Option<String>,
    /// Maximum duration of the session that the ticket opens; `None` for no limit of its own.
    pub session_limit: Option<Duration>,
}

impl Ticket {
    /// Generates the secret of a ticket: `dt_` and 256 random bits.
    pub fn mint(entropy: &dyn Entropy) -> Result<PlainKey, EntropyError> {
        KeyFormat::tickets().mint(entropy)
    }

    /// Returns the secret if the text has the format of a ticket. Does not call the store.
    pub fn parse(text: &[u8]) -> Option<PlainKey> {
        KeyFormat::tickets().parse(std::str::from_utf8(text).ok()?)
    }

    /// Returns whether a text has the prefix of a ticket.
    pub fn is_meant(text: &[u8]) -> bool {
        text.starts_with(TICKET.as_bytes())
    }

    /// Returns the name of the ticket's entry in the key-value store.
    pub fn name(digester: &Digester, secret: &PlainKey) -> String {
        format!("ticket:{}", digester.digest(secret).to_hex())
    }

    /// Returns the value of the ticket's entry: JSON.
    pub fn to_note(&self) -> String {
        json!({
            "key_tenant": self.key_tenant.as_str(),
            "key": self.key.to_string(),
            "tenant": self.tenant.as_str(),
            "path": self.path,
            "origin": self.origin,
            "session_seconds": self.session_limit.map(|limit| limit.as_secs()),
        })
        .to_string()
    }

    /// Parses the value of a ticket's entry; `None` if it is malformed.
    pub(crate) fn from_note(text: &str) -> Option<Self> {
        let note: Value = serde_json::from_str(text).ok()?;
        let text = |name: &str| note[name].as_str();
        Some(Self {
            key_tenant: text("key_tenant")?.parse().ok()?,
            key: text("key")?.parse().ok()?,
            tenant: text("tenant")?.parse().ok()?,
            path: text("path")?.to_owned(),
            origin: text("origin").map(str::to_owned),
            session_limit: note["session_seconds"].as_u64().map(Duration::from_secs),
        })
    }

    /// Returns whether the ticket is accepted on this path for a request from this origin.
    pub(crate) fn opens(&self, path: &str, origin: Option<&str>) -> bool {
        let from_there = |own: &String| origin.is_some_and(|origin| origin.eq_ignore_ascii_case(own));
        self.path == path && self.origin.as_ref().is_none_or(from_there)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dalston_model::{SeededEntropy, Timestamp};

    #[test]
    fn a_ticket_is_no_key_and_its_note_holds_all_but_the_secret() {
        let entropy = SeededEntropy::new(1);
        let secret = Ticket::mint(&entropy).unwrap();
        assert!(secret.expose().starts_with("dt_") && KeyFormat::default().parse(secret.expose()).is_none());
        assert!(Ticket::parse(secret.expose().as_bytes()).is_some() && Ticket::is_meant(secret.expose().as_bytes()));
        let ticket = Ticket {
            key_tenant: TenantId::default(),
            key: KeyId::new(Timestamp::from_secs(1), &entropy).unwrap(),
            tenant: "acme".parse().unwrap(),
            path: "/stream".to_owned(),
            origin: Some("https://app.example.com".to_owned()),
            session_limit: Some(Duration::from_mins(1)),
        };
        assert_eq!(Ticket::from_note(&ticket.to_note()), Some(ticket.clone()));
        assert!(ticket.opens("/stream", Some("https://APP.example.com")));
        assert!(!ticket.opens("/stream", None) && !ticket.opens("/stream", Some("https://evil.example")));
        assert!(!ticket.opens("/other", Some("https://app.example.com")));
        assert_eq!(Ticket::from_note("{}"), None);
    }
}
