//! The audit record of a change: written in the transaction of the change itself.

use crate::{IdError, KeyId, Source, TenantId, Timestamp};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr};

/// What was done: its name on the wire, such as `key.created`. A service adds its own by [`actions!`](crate::actions!).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Action(&'static str);

impl Action {
    /// The action of this name: a noun, a dot, and what happened to it.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

/// Makes a type that holds actions as constants, and the list of them.
#[macro_export]
macro_rules! actions {
    ($(#[$of:meta])* $type:ident { $($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)? }) => {
        $(#[$of])*
        #[derive(Debug)]
        pub enum $type {}

        impl $type {
            $($(#[$doc])* pub const $name: $crate::Action = $crate::Action::new($text);)+

            /// Every one of them.
            pub const ALL: &[$crate::Action] = &[$(Self::$name),+];
        }
    };
}

actions! {
    /// The actions on keys and tenants.
    KeyAction {
        /// A key was made.
        KEY_CREATED = "key.created",
        /// Fields of a key were changed.
        KEY_UPDATED = "key.updated",
        /// A key got a new secret.
        KEY_ROTATED = "key.rotated",
        /// A key was revoked.
        KEY_REVOKED = "key.revoked",
        /// A tenant was made.
        TENANT_CREATED = "tenant.created",
        /// A ticket for a stream was made.
        TICKET_CREATED = "ticket.created",
        /// The master key was used.
        MASTER_USED = "master.used",
        /// A secret was fetched by its claim link.
        SECRET_CLAIMED = "secret.claimed",
    }
}

/// What it was done to: a kind and an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    kind: &'static str,
    id: String,
}

impl Target {
    /// Something of this kind. A service names the kinds of its own.
    pub fn new(kind: &'static str, id: impl fmt::Display) -> Self {
        Self { kind, id: id.to_string() }
    }

    /// A key.
    pub fn key(id: KeyId) -> Self {
        Self::new("key", id)
    }

    /// A tenant.
    pub fn tenant(id: &TenantId) -> Self {
        Self::new("tenant", id)
    }

    /// `key`, `tenant`, or a kind of the service.
    pub const fn kind(&self) -> &'static str {
        self.kind
    }

    /// The id alone.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// What a use case says of the change it asks the store for.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// When, by the clock of the node.
    pub time: Timestamp,
    /// The tenant that the change lies in.
    pub tenant: TenantId,
    /// Who, how, from where.
    pub source: Source,
    /// What.
    pub action: Action,
    /// To what.
    pub target: Target,
    /// What else: a JSON object without secrets.
    pub detail: Value,
}

/// An entry as the store reads it back: texts, since a record outlives the code that wrote it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct AuditRecord {
    /// The number that the store gave the change; it only grows, in commit order.
    pub seq: u64,
    /// When.
    pub time: Timestamp,
    /// The tenant that the change lies in.
    pub tenant_id: String,
    /// Kind of the actor.
    pub actor_kind: String,
    /// Id of the actor, for a key or a user of the chat.
    pub actor_id: Option<String>,
    /// The door.
    pub door: String,
    /// What was done.
    pub action: String,
    /// Kind of the target.
    pub target_kind: String,
    /// Id of the target.
    pub target_id: String,
    /// The client's address.
    pub address: Option<String>,
    /// The request.
    pub request_id: Option<String>,
    /// What else.
    pub detail: Value,
    /// The link of the chain: [`AuditRecord::link`]. `None` for a record that is older than the chain.
    #[serde(default)]
    pub hash: Option<AuditHash>,
}

impl AuditRecord {
    /// The record of `entry` under the number `seq`, not yet linked.
    pub fn new(seq: u64, entry: &AuditEntry) -> Self {
        let Source { actor, door, address, request_id } = &entry.source;
        Self {
            seq,
            time: entry.time,
            tenant_id: entry.tenant.to_string(),
            actor_kind: actor.kind().to_owned(),
            actor_id: actor.id(),
            door: door.to_string(),
            action: entry.action.as_str().to_owned(),
            target_kind: entry.target.kind().to_owned(),
            target_id: entry.target.id().to_owned(),
            address: address.map(|address| address.to_string()),
            request_id: request_id.as_ref().map(|id| id.as_str().to_owned()),
            detail: entry.detail.clone(),
            hash: None,
        }
    }

    /// SHA-256 of all that the record says, without its number and its link.
    pub fn digest(&self) -> AuditHash {
        let mut detail = self.detail.clone();
        detail.sort_all_objects();
        let detail = detail.to_string();
        let time = self.time.as_micros().to_string();
        let texts: [Option<&str>; 11] = [
            Some(&time),
            Some(&self.tenant_id),
            Some(&self.actor_kind),
            self.actor_id.as_deref(),
            Some(&self.door),
            Some(&self.action),
            Some(&self.target_kind),
            Some(&self.target_id),
            self.address.as_deref(),
            self.request_id.as_deref(),
            Some(&detail),
        ];
        let mut hash = Sha256::new();
        // Each text with its length before it, so that no two records read the same; none at all is the longest.
        for text in texts {
            hash.update(text.map_or(u64::MAX, |text| u64::try_from(text.len()).unwrap_or(u64::MAX)).to_be_bytes());
            hash.update(text.unwrap_or_default());
        }
        AuditHash(hash.finalize().into())
    }

    /// The link of this record behind `previous`: SHA-256 of the link before, the number in 8 bytes, and the digest.
    /// So no record can be changed, taken out or put in without all links after it.
    pub fn link(&self, previous: AuditHash) -> AuditHash {
        AuditHash::chain(previous, self.seq, self.digest())
    }
}

/// SHA-256 in the chain of audit records. On the wire 64 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AuditHash([u8; 32]);

impl AuditHash {
    /// What stands before the first link.
    pub const START: Self = Self([0; 32]);

    /// From its 32 bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The link behind `previous` of the record with this number and digest.
    pub fn chain(previous: Self, seq: u64, digest: Self) -> Self {
        let hash = Sha256::new().chain_update(previous.0).chain_update(seq.to_be_bytes()).chain_update(digest.0);
        Self(hash.finalize().into())
    }
}

impl fmt::Display for AuditHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::KeyDigest::new(self.0).to_hex())
    }
}

impl FromStr for AuditHash {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        crate::KeyDigest::from_hex(text).map(|digest| Self(*digest.as_bytes())).ok_or(IdError)
    }
}

impl serde::Serialize for AuditHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for AuditHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
