//! Tickets: one-use credentials that stand for a key at one route. The store has their digests only.

use crate::{Digester, KeyFormat, PlainKey, secret::TICKET};
use dalston_model::{Entropy, EntropyError, KeyId, TenantId};
use serde_json::{Value, json};
use std::time::Duration;

/// What a ticket is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The tenant of its key.
    pub key_tenant: TenantId,
    /// Its key: it may do what the key may, as long as the key lives.
    pub key: KeyId,
    /// The tenant that it works in.
    pub tenant: TenantId,
    /// The path that it opens.
    pub path: String,
    /// The origin that it may come from; `None`: any.
    pub origin: Option<String>,
    /// How long what it opens may last.
    pub session_limit: Option<Duration>,
}

impl Ticket {
    /// A new secret: 256 bits behind `dt_`.
    pub fn mint(entropy: &dyn Entropy) -> Result<PlainKey, EntropyError> {
        KeyFormat::tickets().mint(entropy)
    }

    /// The secret, if the text has the shape of one. Asks no store.
    pub fn parse(text: &[u8]) -> Option<PlainKey> {
        KeyFormat::tickets().parse(std::str::from_utf8(text).ok()?)
    }

    /// Whether a text is meant as a ticket.
    pub fn is_meant(text: &[u8]) -> bool {
        text.starts_with(TICKET.as_bytes())
    }

    /// The name of its note.
    pub fn name(digester: &Digester, secret: &PlainKey) -> String {
        format!("ticket:{}", digester.digest(secret).to_hex())
    }

    /// Its note.
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

    /// The ticket of a note.
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

    /// Whether it opens this path for whoever comes from there.
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
