//! Work storage: jobs, the queue, quotas and the meter, streams, webhooks and their outbox.

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

/// What a node remembers of the work in the store.
#[derive(Default)]
pub(crate) struct WorkMemo {
    /// Whether the jobs of an earlier version are filed.
    filed: AtomicBool,
    workers: Mutex<Arc<SeenWorkers>>,
}
