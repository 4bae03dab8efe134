//! The work store: jobs, the queue, quotas and the meter, streaming sessions, webhooks and their outbox.

mod ending;
mod fair_turns;
mod jobs;
mod meter;
mod outbox;
mod queue;
mod row;
mod sessions;
mod webhooks;
mod workers;
