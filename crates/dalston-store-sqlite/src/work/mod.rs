//! Work storage: jobs, the queue, quotas and the meter, streams, webhooks and their outbox.

mod job_row;
mod jobs;
mod meter;
mod outbox;
#[cfg(test)]
mod plans;
mod queue;
mod queued;
mod sessions;
#[cfg(test)]
mod tests;
mod turns;
mod webhooks;
