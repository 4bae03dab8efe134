//! The audit record of a change: written in the transaction of the change itself.

use crate::{JobId, KeyId, Source, TenantId, Timestamp};
use serde_json::Value;
use std::fmt;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A key was made.
    KeyCreated,
    /// Fields of a key were changed.
    KeyUpdated,
    /// A key got a new secret.
    KeyRotated,
    /// A key was revoked.
    KeyRevoked,
    /// A tenant was made.
    TenantCreated,
    /// A job was made.
    JobCreated,
    /// A job was cancelled, or asked to end.
    JobCancelled,
    /// A job's audio, result and row were deleted.
    JobDeleted,
}

impl Action {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KeyCreated => "key.created",
            Self::KeyUpdated => "key.updated",
            Self::KeyRotated => "key.rotated",
            Self::KeyRevoked => "key.revoked",
            Self::TenantCreated => "tenant.created",
            Self::JobCreated => "job.created",
            Self::JobCancelled => "job.cancelled",
            Self::JobDeleted => "job.deleted",
        }
    }
}

/// What it was done to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A key.
    Key(KeyId),
    /// A tenant.
    Tenant(TenantId),
    /// A job.
    Job(JobId),
}

impl Target {
    /// `key`, `tenant` or `job`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Tenant(_) => "tenant",
            Self::Job(_) => "job",
        }
    }
}

/// The id alone.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => id.fmt(f),
            Self::Tenant(id) => id.fmt(f),
            Self::Job(id) => id.fmt(f),
        }
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
    /// Id of the actor, for a key.
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
}

impl AuditRecord {
    /// The record of `entry` under the number `seq`.
    pub fn new(seq: u64, entry: &AuditEntry) -> Self {
        let Source { actor, door, address, request_id } = &entry.source;
        Self {
            seq,
            time: entry.time,
            tenant_id: entry.tenant.to_string(),
            actor_kind: actor.kind().to_owned(),
            actor_id: actor.key().map(|id| id.to_string()),
            door: door.to_string(),
            action: entry.action.as_str().to_owned(),
            target_kind: entry.target.kind().to_owned(),
            target_id: entry.target.to_string(),
            address: address.map(|address| address.to_string()),
            request_id: request_id.as_ref().map(|id| id.as_str().to_owned()),
            detail: entry.detail.clone(),
        }
    }
}
