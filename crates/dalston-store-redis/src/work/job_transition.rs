//! Optimistic transitions of a job: reads, decides, and writes only if the job did not move in between.

use super::{
    job::{self, EventArgument, QueuedJob},
    meter::AccountArgument,
    scripts::SCRIPTS,
};
use crate::{RedisStore, argument::argument, audit::AuditArgument, call::StoreCall};
use dalston_model::{AuditEntry, Timestamp};
use dalston_store::StoreResult;
use dalston_work::{Event, Job, JobOutcome, ended_entry, ended_event};
use serde::Serialize;
use std::time::Duration;

/// A transition of a job.
pub(crate) struct JobTransition<'a> {
    before: &'a QueuedJob,
    after: &'a Job,
    /// The expiry of the lease that has expired.
    lapsed: Option<String>,
    /// How long the job waits until it is due, if it becomes pending again.
    delay: Duration,
    /// Milliseconds of audio that stay charged to its account, if it ends.
    kept_ms: u64,
    /// The number of deaths to add to the job's count.
    deaths: u64,
    entry: Option<&'a AuditEntry>,
    event: Option<Event>,
}

#[derive(Serialize)]
struct MoveArgument {
    id: String,
    tenant: String,
    before: &'static str,
    fence: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    lease: Option<String>,
    after: &'static str,
    record: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<u16>,
    delay: String,
    deaths: String,
    kept: String,
    account: AccountArgument,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<EventArgument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audit: Option<AuditArgument>,
}

impl<'a> JobTransition<'a> {
    /// A transition from `before` to `after`. By default, a job that becomes pending is due at once, and a job that
    /// ends has no audio charged.
    pub(crate) const fn new(before: &'a QueuedJob, after: &'a Job) -> Self {
        Self { before, after, lapsed: None, delay: Duration::ZERO, kept_ms: 0, deaths: 0, entry: None, event: None }
    }

    /// Adds an audit entry.
    pub(crate) fn with_audit(self, entry: Option<&'a AuditEntry>) -> Self {
        Self { entry, ..self }
    }

    /// Adds an event for webhooks.
    pub(crate) fn with_event(self, event: Option<Event>) -> Self {
        Self { event, ..self }
    }
}

impl RedisStore {
    /// Applies a transition atomically. Returns `false` if the job moved meanwhile.
    pub(crate) async fn apply_transition(&self, call: &StoreCall<'_>, made: JobTransition<'_>) -> StoreResult<bool> {
        let JobTransition { before, after, lapsed, delay, kept_ms, deaths, entry, event } = made;
        let ended = after.status.is_ended();
        let given = MoveArgument {
            id: after.id.to_string(),
            tenant: after.tenant.to_string(),
            before: before.job.status.as_str(),
            fence: before.fence.to_string(),
            lease: lapsed,
            after: after.status.as_str(),
            record: job::record(after)?,
            completed: after.completed_at.filter(|_| ended).map(|at| at.as_micros().to_string()),
            progress: after.progress,
            delay: delay.as_micros().to_string(),
            deaths: deaths.to_string(),
            kept: kept_ms.to_string(),
            account: AccountArgument::new(&after.account()),
            event: event.map(EventArgument::new),
            audit: entry.map(AuditArgument::new).transpose()?,
        };
        Ok(call.run::<u8>(SCRIPTS.move_job.arg(argument(&given)?).arg(self.now())).await? == 1)
    }

    /// Applies an outcome to a job, with the gateway as the actor. Returns `None` if the job moved meanwhile.
    pub(crate) async fn apply_outcome(
        &self,
        call: &StoreCall<'_>,
        before: &QueuedJob,
        outcome: &JobOutcome,
        lapsed: Option<String>,
        at: Timestamp,
    ) -> StoreResult<Option<Job>> {
        let after = outcome.apply(before.job.clone(), at);
        let (delay, deaths) = (outcome.wait(), outcome.deaths());
        let entry = ended_entry(&after, at);
        let kept_ms = outcome.kept_ms(after.status, before.reserved_ms);
        let made = JobTransition { lapsed, delay, kept_ms, deaths, ..JobTransition::new(before, &after) };
        let made = made.with_audit(entry.as_ref()).with_event(ended_event(&after, at));
        Ok(self.apply_transition(call, made).await?.then_some(after))
    }
}
