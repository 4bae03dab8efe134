//! Streaming workers and sessions.

use super::{
    quota_exceeded,
    scripts::{self, SCRIPTS},
};
use crate::{RedisStore, argument::argument, audit::AuditArgument};
use async_trait::async_trait;
use dalston_model::{AuditEntry, TenantId, Timestamp};
use dalston_store::{StoreError, StoreResult};
use dalston_work::{NewSession, OpenSessionOutcome, SessionId, SessionStore, Worker, WorkerId, WorkerLoad};
use serde::Serialize;
use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

/// The workers as this node last read them, by name.
///
/// This node decides which workers fit a session, and the script decides which of them have room. The script objects if
/// the list of workers has changed.
#[derive(Default)]
pub(crate) struct SeenWorkers {
    version: String,
    workers: Vec<Worker>,
}

/// A session as scripts read it.
#[derive(Serialize)]
struct SessionArgument<'a> {
    id: String,
    tenant: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    ttl: String,
    own: bool,
    version: &'a str,
    workers: Vec<(&'a str, u32, u32)>,
}

#[async_trait]
impl SessionStore for RedisStore {
    async fn put_worker(&self, worker: &Worker, ttl: Duration, entry: &AuditEntry) -> StoreResult<bool> {
        let mut script = SCRIPTS.put_worker.arg(worker.id.as_str());
        script.arg(argument(worker)?).arg(worker.tenant.as_ref().map(TenantId::as_str).unwrap_or_default());
        script.arg(ttl.as_micros().to_string()).arg(argument(&AuditArgument::new(entry)?)?).arg(self.now());
        Ok(self.link.call().run::<u8>(&script).await? == 1)
    }

    async fn remove_worker(&self, id: &WorkerId, tenant: Option<&TenantId>, entry: &AuditEntry) -> StoreResult<bool> {
        let mut script = SCRIPTS.remove_worker.arg(id.as_str());
        script.arg(tenant.map(TenantId::as_str).unwrap_or_default());
        script.arg(argument(&AuditArgument::new(entry)?)?).arg(self.now());
        Ok(self.link.call().run::<u8>(&script).await? == 1)
    }

    async fn workers(&self) -> StoreResult<Vec<WorkerLoad>> {
        let rows: Vec<(String, u32, i64)> = self.link.call().run(&SCRIPTS.list_workers.arg(self.now())).await?;
        let load = |(json, sessions, lapses): (String, u32, i64)| {
            let lapses_at = Timestamp::from_micros(lapses);
            Ok(WorkerLoad { worker: worker(&json)?, sessions, lapses_at })
        };
        let mut workers = rows.into_iter().map(load).collect::<StoreResult<Vec<_>>>()?;
        workers.sort_by(|a, b| a.worker.id.cmp(&b.worker.id));
        Ok(workers)
    }

    async fn open_session(
        &self,
        session: &NewSession,
        own: bool,
        except: &[WorkerId],
        ttl: Duration,
    ) -> StoreResult<OpenSessionOutcome> {
        let NewSession { id, tenant, key, model, language, is_one_of_several } = session;
        let call = self.link.call();
        let fits = |it: &&Worker| it.serves(tenant, model, language) && !except.contains(&it.id);
        // The deadline of the call ends the loop.
        loop {
            let seen = Arc::clone(&self.work.workers.lock().unwrap_or_else(PoisonError::into_inner));
            let fitting: Vec<&Worker> = seen.workers.iter().filter(fits).collect();
            let given = SessionArgument {
                id: id.to_string(),
                tenant: tenant.as_str(),
                key: key.map(|key| key.to_string()),
                ttl: ttl.as_micros().to_string(),
                own,
                version: &seen.version,
                workers: fitting
                    .iter()
                    .map(|worker| (worker.id.as_str(), worker.capacity, worker.share(*is_one_of_several)))
                    .collect(),
            };
            let answer: Vec<String> = call.run(SCRIPTS.open_session.arg(argument(&given)?).arg(self.now())).await?;
            let odd = || StoreError::corrupt("the answer of a script");
            return match answer.as_slice() {
                [word, version, workers] if word == "workers" => {
                    let now = SeenWorkers::read(version, workers)?;
                    *self.work.workers.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(now);
                    continue;
                }
                [word, excess @ ..] if word == "excess" => quota_exceeded::read(excess).map(OpenSessionOutcome::Excess),
                [word, _] if word == "own" => Ok(OpenSessionOutcome::Own),
                [word] if word == "no_capacity" => Ok(OpenSessionOutcome::NoCapacity),
                [word, name] if word == "worker" => {
                    let chosen = fitting.into_iter().find(|worker| worker.id.as_str() == name);
                    chosen.cloned().map(OpenSessionOutcome::Worker).ok_or_else(odd)
                }
                _ => Err(odd()),
            };
        }
    }

    async fn renew_sessions(&self, sessions: &[SessionId], ttl: Duration) -> StoreResult<Vec<SessionId>> {
        let mut script = SCRIPTS.renew_sessions.arg(ttl.as_micros().to_string());
        script.arg(self.now());
        for id in sessions {
            script.arg(id.to_string());
        }
        let gone: Vec<String> = self.link.call().run(&script).await?;
        let id = |text: String| text.parse().map_err(|_| StoreError::corrupt("the answer of a script"));
        gone.into_iter().map(id).collect()
    }

    async fn close_session(&self, id: SessionId) -> StoreResult<bool> {
        let mut script = SCRIPTS.close_session.arg(id.to_string());
        Ok(self.link.call().run::<u8>(script.arg(self.now())).await? == 1)
    }

    async fn session_count(&self, tenant: &TenantId) -> StoreResult<u64> {
        self.link.call().run(SCRIPTS.count_sessions.key(scripts::sessions(tenant)).arg(self.now())).await
    }
}

impl SeenWorkers {
    fn read(version: &str, list: &str) -> StoreResult<Self> {
        // The script encodes an empty table as an object.
        let records: Vec<String> = if list == "{}" {
            Vec::new()
        } else {
            serde_json::from_str(list).map_err(|_| StoreError::corrupt("the list of workers"))?
        };
        let mut workers = records.iter().map(|json| worker(json)).collect::<StoreResult<Vec<_>>>()?;
        workers.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(Self { version: version.to_owned(), workers })
    }
}

fn worker(json: &str) -> StoreResult<Worker> {
    serde_json::from_str(json).map_err(|_| StoreError::corrupt("a worker"))
}
