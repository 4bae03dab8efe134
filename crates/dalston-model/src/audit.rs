//! Audit records with a hash chain. The store writes a record in the same transaction as the change.

use crate::{IdError, KeyId, Source, TenantId, Timestamp};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr};

/// An audited action, by its name on the wire, such as `key.created`. A service adds its own with
/// [`actions!`](crate::actions!).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Action(&'static str);

impl Action {
    /// The action of this name: a noun, a dot, and a past participle.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

/// Defines a type that holds actions as constants, and the list of them.
#[macro_export]
macro_rules! actions {
    ($(#[$of:meta])* $type:ident { $($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)? }) => {
        $(#[$of])*
        #[derive(Debug)]
        pub enum $type {}

        impl $type {
            $($(#[$doc])* pub const $name: $crate::Action = $crate::Action::new($text);)+

            /// All of these actions.
            pub const ALL: &[$crate::Action] = &[$(Self::$name),+];
        }
    };
}

actions! {
    /// The actions on keys and tenants.
    KeyAction {
        /// A key was created.
        KEY_CREATED = "key.created",
        /// Fields of a key were changed.
        KEY_UPDATED = "key.updated",
        /// A key got a new secret.
        KEY_ROTATED = "key.rotated",
        /// A key was revoked.
        KEY_REVOKED = "key.revoked",
        /// A tenant was created.
        TENANT_CREATED = "tenant.created",
        /// A ticket for a stream was created.
        TICKET_CREATED = "ticket.created",
        /// The master key was used.
        MASTER_USED = "master.used",
        /// A secret was fetched by its claim link.
        SECRET_CLAIMED = "secret.claimed",
    }
}

/// The target of an action: a kind and an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    kind: &'static str,
    id: String,
}

impl Target {
    /// A target of this kind. A service defines kinds of its own.
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

    /// `key`, `tenant`, or a kind that the service defines.
    pub const fn kind(&self) -> &'static str {
        self.kind
    }

    /// The id without the kind.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// An audit entry, which a use case passes to the store together with the change.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// When the change was made, by the node's clock.
    pub time: Timestamp,
    /// The tenant that the change lies in.
    pub tenant: TenantId,
    /// Who made the change, through which interface, and from where.
    pub source: Source,
    /// The action.
    pub action: Action,
    /// The target.
    pub target: Target,
    /// Further details: a JSON object without secrets.
    pub detail: Value,
}

/// An audit entry as read back from the store. Its fields are texts, because a record outlives the code that wrote it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct AuditRecord {
    /// The sequence number that the store assigned to the change. It increases in commit order.
    pub seq: u64,
    /// When the change was made.
    pub time: Timestamp,
    /// The tenant that the change lies in.
    pub tenant_id: String,
    /// The kind of the actor.
    pub actor_kind: String,
    /// The id of the actor, for a key or a user of the chat.
    pub actor_id: Option<String>,
    /// The interface.
    pub door: String,
    /// The name of the action.
    pub action: String,
    /// The kind of the target.
    pub target_kind: String,
    /// The id of the target.
    pub target_id: String,
    /// The client's address.
    pub address: Option<String>,
    /// The id of the request.
    pub request_id: Option<String>,
    /// Further details.
    pub detail: Value,
    /// The hash in the chain: [`AuditRecord::link`]. `None` for a record that is older than the chain.
    #[serde(default)]
    pub hash: Option<AuditHash>,
}

impl AuditRecord {
    /// The record of `entry` with the sequence number `seq`, not yet linked.
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

    /// SHA-256 of all fields of the record except `seq` and `hash`.
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
        // Prefix each text with its length, so that no two records hash the same bytes. A missing text has the greatest
        // length.
        for text in texts {
            hash.update(text.map_or(u64::MAX, |text| u64::try_from(text.len()).unwrap_or(u64::MAX)).to_be_bytes());
            hash.update(text.unwrap_or_default());
        }
        AuditHash(hash.finalize().into())
    }

    /// The record's hash in the chain after `previous`: SHA-256 of the previous hash, the sequence number in 8 bytes,
    /// and the digest. So nobody can change, remove or insert a record without changing all later hashes.
    pub fn link(&self, previous: AuditHash) -> AuditHash {
        AuditHash::chain(previous, self.seq, self.digest())
    }
}

/// A SHA-256 hash in the chain of audit records. On the wire 64 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AuditHash([u8; 32]);

impl AuditHash {
    /// The hash before the first record.
    pub const START: Self = Self([0; 32]);

    /// From its 32 bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The hash after `previous` of the record with this sequence number and digest.
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
