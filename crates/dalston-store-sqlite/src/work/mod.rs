//! Work storage: jobs, the queue, quotas and the audio meter, streams, webhooks and their outbox.

mod fair_turns;
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
mod webhook_row;
mod webhooks;

/// A text, for a nullable column.
fn text(value: Option<impl ToString>) -> Option<String> {
    value.map(|value| value.to_string())
}
