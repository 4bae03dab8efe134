//! The work store: jobs, the queue, quotas and the meter, streaming sessions, webhooks and their outbox.

mod delivery;
mod index_backfill;
mod job;
mod job_transition;
mod jobs;
mod meter;
mod queue;
mod quota_exceeded;
mod scripts;
mod sessions;
mod webhook;
mod webhooks;

use sessions::SeenWorkers;
use std::sync::{Arc, Mutex, atomic::AtomicBool};

/// What a node caches of the work store.
#[derive(Default)]
pub(crate) struct WorkMemo {
    /// Whether the jobs of an earlier version are in the indexes.
    filed: AtomicBool,
    workers: Mutex<Arc<SeenWorkers>>,
}
