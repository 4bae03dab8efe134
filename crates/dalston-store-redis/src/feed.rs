//! The change feed and the audit log.

use crate::{
    RedisStore,
    argument::argument,
    audit::{self, AuditArgument},
    notifier::Listener,
    row::StoredKey,
    scripts::{AUDIT, CHANGES, OOM_SCRIPTS, SCRIPTS},
};
use async_trait::async_trait;
use dalston_model::{AuditEntry, AuditRecord, Timestamp};
use dalston_store::{
    AuditPage, AuditQuery, ChangeNotifier, ChangesResult, Checkpoint, FeedStore, KeyChange, StoreError, StoreResult,
};
use std::{collections::HashMap, time::Duration};

/// A checkpoint in a script's reply.
type CheckpointArgument = (u64, Option<String>);

fn checkpoint((seq, link): CheckpointArgument) -> StoreResult<Checkpoint> {
    let link = link.map(|link| link.parse()).transpose();
    Ok(Checkpoint { seq, link: link.map_err(|_| StoreError::Corrupt(format!("the link at {seq}")))? })
}

#[async_trait]
impl FeedStore for RedisStore {
    async fn checkpoint(&self) -> StoreResult<Checkpoint> {
        checkpoint(self.link.call().run_on_shared_connection(&SCRIPTS.checkpoint.prepare_invoke()).await?)
    }

    async fn key_changes(&self, after: &Checkpoint, limit: u32) -> StoreResult<ChangesResult> {
        let mut script = SCRIPTS.key_changes.key(CHANGES);
        script.arg(after.seq).arg(after.link.map(|link| link.to_string()).unwrap_or_default()).arg(limit);
        let call = self.link.call();
        let (mut at, mut rows): (CheckpointArgument, Option<Vec<StoredKey>>) =
            call.run_on_shared_connection(&script).await?;
        if rows.is_none() {
            // The log diverged, or the connection leads to another server than the one whose log was read. Ask once
            // more on a new connection.
            (at, rows) = call.run_on_new_shared_connection(&script).await?;
        }
        let checkpoint = checkpoint(at)?;
        let Some(rows) = rows else { return Ok(ChangesResult::Diverged(checkpoint)) };
        let change = |row: StoredKey| {
            let seq = u64::try_from(row.score?).ok()?;
            Some(KeyChange { seq, key: row.known_or_none()?.used.key })
        };
        Ok(ChangesResult::Changes { changes: rows.into_iter().filter_map(change).collect(), checkpoint })
    }

    fn doubt(&self, within: Duration) -> Duration {
        self.link.time_since_primary_check(within)
    }

    async fn now(&self) -> StoreResult<Timestamp> {
        if let Some(clock) = &self.clock {
            return Ok(clock.now());
        }
        let (seconds, micros): (i64, i64) = self.link.call().command(&redis::cmd("TIME")).await?;
        Ok(Timestamp::from_micros(seconds.saturating_mul(1_000_000).saturating_add(micros)))
    }

    async fn notifier(&self) -> StoreResult<Box<dyn ChangeNotifier>> {
        Ok(Box::new(Listener::open(self).await?))
    }

    async fn record(&self, entry: &AuditEntry) -> StoreResult<u64> {
        let given = argument(&AuditArgument::new(entry)?)?;
        let (mut script, mut full) = (SCRIPTS.record.prepare_invoke(), OOM_SCRIPTS.record.prepare_invoke());
        self.link.call().run_or_retry_oom(script.arg(&given), full.arg(&given)).await
    }

    async fn audit(&self, query: &AuditQuery) -> StoreResult<AuditPage> {
        self.audit_page(&self.link.call(), query).await
    }

    async fn audit_after(&self, seq: u64, limit: u32) -> StoreResult<Vec<AuditRecord>> {
        let mut range = redis::cmd("XRANGE");
        range.arg(AUDIT).arg(seq.saturating_add(1)).arg("+").arg("COUNT").arg(limit);
        let entries: Vec<(String, HashMap<String, String>)> = self.link.call().command(&range).await?;
        let record = |(number, mut fields): (String, HashMap<String, String>)| {
            let json = fields.remove("record").unwrap_or_default();
            audit::record(&number, &json, fields.remove("hash"))
        };
        entries.into_iter().map(record).collect()
    }
}
