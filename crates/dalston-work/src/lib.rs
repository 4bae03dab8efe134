//! Storage interface of the transcription service: jobs, queue, streams, quotas and webhooks, with the in-memory engine
//! and the contract suite that every engine runs (feature `contract`).
//!
//! The tables share one database with the keys of [`dalston_store`], so that the end of a job, its audit record, its
//! outbox event and its usage are one transaction. The key storage does not depend on this crate.

mod action;
#[cfg(feature = "contract")]
pub mod contract;
mod fair_scheduler;
mod id;
mod job;
mod jobs;
mod memory;
mod meter;
mod queue;
mod quota;
mod sessions;
mod slots;
mod target;
mod webhook;
mod webhooks;
mod worker;

pub use action::WorkAction;
pub use fair_scheduler::{FairScheduler, WaitingTenant};
pub use id::{DeliveryId, JobId, SessionId, WebhookId};
pub use job::{Audio, Job, JobOptions, JobStatus};
pub use jobs::{ActiveJobs, CancelJobOutcome, DeleteJobOutcome, InsertJobOutcome, JobStore};
pub use memory::MemoryWorkStore;
pub use meter::{MeterStore, ReserveOutcome};
pub use queue::{
    FinishJobOutcome, HeartbeatOutcome, JobLease, JobLeaseRequest, JobOutcome, LeasedJob, MAX_DEATHS, QueueStore,
    ended_entry, ended_event, outcome_of_death, outcome_of_expired_lease,
};
pub use quota::{AudioAmount, MeteredDay, Quota, QuotaExceeded, QuotaKind, QuotaOwner, UsageAccount, UsageSource};
pub use sessions::{OpenSessionOutcome, SessionStore};
pub use slots::Slots;
pub use target::WorkTarget;
pub use webhook::{Delivery, DeliveryStatus, Event, EventKind, Webhook, WebhookPatch, WebhookSecret};
pub use webhooks::{AttemptOutcome, DueDelivery, InsertWebhookOutcome, RotateWebhookOutcome, WebhookStore};
pub use worker::{NewSession, Worker, WorkerId, WorkerLoad};

use dalston_store::KeyStorage;
use std::sync::Arc;

/// A storage engine for keys and for the transcription service, over one database.
pub trait WorkStorage: KeyStorage + JobStore + QueueStore + MeterStore + SessionStore + WebhookStore {}

impl<S: KeyStorage + JobStore + QueueStore + MeterStore + SessionStore + WebhookStore> WorkStorage for S {}

/// A shared [`WorkStorage`]. It converts to a [`SharedKeyStorage`](dalston_store::SharedKeyStorage).
pub type SharedWorkStorage = Arc<dyn WorkStorage>;
