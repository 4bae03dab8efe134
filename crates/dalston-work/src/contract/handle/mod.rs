//! Helpers of the contract rules: sample values, and short forms of the store operations.

pub(in crate::contract) mod hooks;
pub(in crate::contract) mod rooms;
pub(in crate::contract) mod work;

pub(in crate::contract) use dalston_store::contract::handle::{at_once, metadata, page};

use super::WorkFixture;
use crate::{Audio, InsertJobOutcome, Job, JobId, JobOptions, JobStatus, SharedWorkStorage, WorkAction, WorkTarget};
use dalston_model::{Metadata, OsEntropy, TenantId};
use dalston_store::{IdempotencyKey, contract};
use std::ops::Deref;

/// A store and its clock, for use by one task: the operations on keys ([`contract::StoreHandle`]) and those of the
/// transcription service.
#[derive(Clone)]
pub(in crate::contract) struct WorkHandle {
    pub(in crate::contract) store: SharedWorkStorage,
    keys: contract::StoreHandle,
}

impl Deref for WorkHandle {
    type Target = contract::StoreHandle;

    fn deref(&self) -> &contract::StoreHandle {
        &self.keys
    }
}

impl WorkHandle {
    pub(in crate::contract) fn of(fixture: &WorkFixture) -> Self {
        let (store, clock) = (fixture.store.clone(), fixture.clock.clone());
        Self { keys: contract::StoreHandle { store: store.clone(), clock }, store }
    }

    /// Returns a pending job of `default` that is not in the store yet.
    pub(in crate::contract) fn new_job(&self) -> Job {
        Job {
            id: JobId::new(self.now(), &OsEntropy).unwrap(),
            tenant: TenantId::default(),
            status: JobStatus::Pending,
            filename: None,
            content_type: None,
            size_bytes: 1,
            audio: Audio { format: "wav".to_owned(), ..Audio::default() },
            model: None,
            language: None,
            options: JobOptions::default(),
            metadata: Metadata::default(),
            created_at: self.now(),
            created_by: None,
            started_at: None,
            completed_at: None,
            progress: None,
            error: None,
            result: None,
        }
    }

    pub(in crate::contract) async fn try_insert_job(
        &self,
        job: &Job,
        claim: Option<&IdempotencyKey>,
    ) -> InsertJobOutcome {
        let entry = self.entry(WorkAction::JOB_CREATED, &job.tenant, WorkTarget::Job(job.id).into());
        self.store.insert_job(job, claim, &entry).await.unwrap()
    }

    /// Inserts and returns a job of `default` with this status.
    pub(in crate::contract) async fn job(&self, status: JobStatus) -> Job {
        let job = Job { status, ..self.new_job() };
        assert_eq!(self.try_insert_job(&job, None).await, InsertJobOutcome::Inserted);
        job
    }
}
