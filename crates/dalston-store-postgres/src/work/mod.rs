//! Work storage: jobs, the queue, quotas and the meter, streams, webhooks and their outbox.

mod ending;
mod jobs;
mod meter;
mod outbox;
mod queue;
mod row;
mod sessions;
mod fair_turns;
mod webhooks;
mod workers;
