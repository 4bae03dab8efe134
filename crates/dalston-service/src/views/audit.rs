use crate::{ChainHead, ChainVerification};
use dalston_model::{AuditRecord, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An audit record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AuditView {
    /// The record's sequence number, which only grows.
    pub seq: u64,
    /// When the action happened.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub time: Timestamp,
    /// The tenant that the record concerns.
    pub tenant_id: String,
    /// The actor.
    pub actor: PartyView,
    /// The interface through which the action came.
    pub door: String,
    /// The action.
    pub action: String,
    /// The object of the action.
    pub target: PartyView,
    /// The client's address.
    pub address: Option<String>,
    /// The request's id.
    pub request_id: Option<String>,
    /// Further details.
    pub detail: Value,
    /// The record's hash in the chain; null for a record older than the chain.
    pub hash: Option<String>,
}

/// The actor or the target of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PartyView {
    /// The kind of actor or target.
    pub kind: String,
    /// Its id; null if there is only one of the kind.
    pub id: Option<String>,
}

impl From<&AuditRecord> for AuditView {
    fn from(record: &AuditRecord) -> Self {
        Self {
            seq: record.seq,
            time: record.time,
            tenant_id: record.tenant_id.clone(),
            actor: PartyView { kind: record.actor_kind.clone(), id: record.actor_id.clone() },
            door: record.door.clone(),
            action: record.action.clone(),
            target: PartyView { kind: record.target_kind.clone(), id: Some(record.target_id.clone()) },
            address: record.address.clone(),
            request_id: record.request_id.clone(),
            detail: record.detail.clone(),
            hash: record.hash.map(|hash| hash.to_string()),
        }
    }
}

/// The result of verifying the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VerifiedView {
    /// `intact` or `broken`.
    pub status: String,
    /// Number of records whose hashes were checked.
    pub checked: u64,
    /// The sequence number of the first checked record.
    pub first_seq: Option<u64>,
    /// The last checked record as `SEQ:HASH`. Pass it to a later verification, which then checks that it still exists.
    pub head: Option<String>,
    /// The sequence number of the first record that is wrong or missing.
    pub broken_at: Option<u64>,
}

impl VerifiedView {
    const INTACT: &str = "intact";

    /// Whether all records are unchanged.
    pub fn is_intact(&self) -> bool {
        self.status == Self::INTACT
    }
}

impl From<ChainVerification> for VerifiedView {
    fn from(verified: ChainVerification) -> Self {
        Self {
            status: if verified.is_intact { Self::INTACT } else { "broken" }.to_owned(),
            checked: verified.checked,
            first_seq: verified.first,
            head: verified.head.map(|ChainHead { seq, hash }| format!("{seq}:{hash}")),
            broken_at: verified.broken_at,
        }
    }
}
