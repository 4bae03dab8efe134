//! An engine that is away is left alone for a while, longer each time, so that the jobs that wait are not used up on it.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// So long at first, then twice as long each time, up to the other.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(1);

/// What is known of the engine's absence.
#[derive(Default)]
pub(super) struct Absence(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    /// How often it was away, one time after another.
    times: u32,
    /// Until when it is left alone.
    until: Option<Instant>,
}

impl Absence {
    /// It was away.
    pub(super) fn noticed(&self) {
        let now = Instant::now();
        let mut seen = self.seen();
        // Attempts that were under way together find the same absence.
        if seen.until.is_some_and(|until| now < until) {
            return;
        }
        let pause = FIRST.saturating_mul(1_u32.checked_shl(seen.times).unwrap_or(u32::MAX)).min(LONGEST);
        seen.times = seen.times.saturating_add(1);
        seen.until = Some(now + pause);
        drop(seen);
        tracing::warn!(seconds = pause.as_secs(), "the engine is away, and is left alone for a while");
    }

    /// It answered.
    pub(super) fn ended(&self) {
        *self.seen() = Seen::default();
    }

    /// How many jobs may begin now: none while it is left alone, then one at a time until it answers.
    pub(super) fn most(&self) -> u32 {
        match self.seen().until {
            None => u32::MAX,
            Some(until) if Instant::now() < until => 0,
            Some(_) => 1,
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
