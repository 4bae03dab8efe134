//! Audit records as the streams keep them, and pages of them.

use crate::{RedisStore, argument::argument, call::StoreCall, scripts::SCRIPTS};
use dalston_model::{Action, Actor, AuditEntry, AuditRecord, Timestamp};
use dalston_store::{AuditPage, AuditQuery, StoreError, StoreResult};
use serde::Serialize;

/// The number of a record, the record, and its link.
type AuditEntryRow = (String, String, Option<String>);

/// An audit record as scripts write it. Its number is the id of its stream entry.
#[derive(Serialize)]
pub(crate) struct AuditArgument {
    record: String,
    digest: String,
    tenant: String,
    actor: String,
    action: &'static str,
    time: String,
}

#[derive(Serialize)]
struct QueryArgument {
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<String>,
    count: u64,
    reach: u32,
}

impl AuditArgument {
    /// Encodes the audit entry of a change.
    pub(crate) fn new(entry: &AuditEntry) -> StoreResult<Self> {
        let record = AuditRecord::new(0, entry);
        Ok(Self {
            record: argument(&record)?,
            digest: record.digest().to_string(),
            tenant: entry.tenant.to_string(),
            actor: actor(entry.source.actor),
            action: entry.action.as_str(),
            time: micros(entry.time),
        })
    }
}

impl RedisStore {
    /// Reads the requested page.
    pub(crate) async fn audit_page(&self, call: &StoreCall<'_>, query: &AuditQuery) -> StoreResult<AuditPage> {
        let given = QueryArgument {
            tenant: query.tenant.as_ref().map(ToString::to_string),
            actor: query.actor.map(actor),
            action: query.action.map(Action::as_str),
            since: query.since.map(micros),
            until: query.until.map(micros),
            before: query.before.map(|seq| seq.to_string()),
            count: u64::from(query.limit) + 1,
            reach: AuditQuery::REACH,
        };
        let script = SCRIPTS.audit_page.arg(argument(&given)?);
        let (entries, rest): (Vec<AuditEntryRow>, Option<u64>) = call.run(&script).await?;
        let records = entries.into_iter().map(|(number, json, hash)| record(&number, &json, hash));
        let mut page = AuditPage::cut(records.collect::<StoreResult<_>>()?, query.limit, rest);
        // The script cannot filter the records from before the chain.
        page.records.retain(|record| query.asks_for(record));
        Ok(page)
    }
}

/// Decodes the record of this number.
pub(crate) fn record(number: &str, json: &str, hash: Option<String>) -> StoreResult<AuditRecord> {
    let odd = || StoreError::Corrupt(format!("audit record {number}"));
    Ok(AuditRecord {
        seq: number.split('-').next().and_then(|seq| seq.parse().ok()).ok_or_else(odd)?,
        hash: hash.map(|hash| hash.parse()).transpose().map_err(|_| odd())?,
        ..serde_json::from_str(json).map_err(|_| odd())?
    })
}

/// Encodes an actor as the streams name it.
fn actor(actor: Actor) -> String {
    actor.id().map_or_else(|| actor.kind().to_owned(), |id| format!("{}:{id}", actor.kind()))
}

fn micros(time: Timestamp) -> String {
    time.as_micros().to_string()
}
