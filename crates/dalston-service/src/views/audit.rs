use crate::{ChainHead, ChainVerification};
use dalston_model::{AuditRecord, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A record of the audit log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AuditView {
    /// Its number; it only grows.
    pub seq: u64,
    /// When.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub time: Timestamp,
    /// The tenant that it concerns.
    pub tenant_id: String,
    /// Who did it.
    pub actor: PartyView,
    /// Through which door.
    pub door: String,
    /// What was done.
    pub action: String,
    /// What it was done to.
    pub target: PartyView,
    /// The address of the client.
    pub address: Option<String>,
    /// The id of the request.
    pub request_id: Option<String>,
    /// What else is known.
    pub detail: Value,
    /// The link of the chain; null for a record that is older than the chain.
    pub hash: Option<String>,
}

/// Who did something, or what it was done to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PartyView {
    /// What it is.
    pub kind: String,
    /// Its id; null where there is only one.
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

/// What came of verifying the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VerifiedView {
    /// `intact` or `broken`.
    pub status: String,
    /// Records whose links were checked.
    pub checked: u64,
    /// The number of the first of them.
    pub first_seq: Option<u64>,
    /// The last of them, `SEQ:HASH`. Give it back later: it must still be there.
    pub head: Option<String>,
    /// The number of the first record that is not what it should be.
    pub broken_at: Option<u64>,
}

impl VerifiedView {
    const INTACT: &str = "intact";

    /// Whether all records are as they were written.
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
