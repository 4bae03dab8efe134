//! Writes the usage that a gate counted.

use crate::Gate;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

/// Usage is written so often.
const TICK: Duration = Duration::from_secs(1);
/// Between two steps of it, others write.
const PAUSE: Duration = Duration::from_millis(5);
/// At the stop, a step that failed is retried so soon.
const RETRY: Duration = Duration::from_millis(100);
/// At the stop, one step takes no longer, however often it is retried: a stop does not wait for a store that is away.
const LAST_STEP: Duration = Duration::from_secs(5);
/// And all steps together: of half a million keys on a slow disk.
const LAST: Duration = Duration::from_secs(30);

/// Writes the usage that a gate counted, in steps that take a store some ten milliseconds each.
pub struct UsageWriter {
    gate: Arc<Gate>,
}

impl UsageWriter {
    /// Of this gate.
    pub const fn new(gate: Arc<Gate>) -> Self {
        Self { gate }
    }

    /// Writes what was counted until now, with pauses between the steps: other processes that write to the same database
    /// get their turn. What fails waits for the next call.
    pub async fn write(&self) {
        self.gate.gather_usage();
        loop {
            match self.gate.write_usage().await {
                Ok(true) => sleep(PAUSE).await,
                Ok(false) => return,
                Err(error) => {
                    let waiting = self.gate.waiting_usage();
                    tracing::warn!(
                        event = "usage.write_failed",
                        %error,
                        waiting,
                        "could not write usage: retrying in a second"
                    );
                    return;
                }
            }
        }
    }

    /// Writes each second, until `stopping` changes or its other end is dropped. No step is cut off.
    pub async fn run(&self, mut stopping: watch::Receiver<()>) {
        let mut seconds = interval(TICK);
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = stopping.changed() => return,
                _ = seconds.tick() => self.write().await,
            }
        }
    }

    /// Writes all that is left, as long as the store takes it: at the stop. What it does not take is lost, and logged.
    pub async fn finish(&self) {
        let written = timeout(LAST, async {
            self.gate.gather_usage();
            while timeout(LAST_STEP, self.step()).await? {}
            Ok(())
        });
        if let Err(error) = written.await.flatten() {
            tracing::error!(
                event = "usage.lost",
                %error,
                waiting = self.gate.waiting_usage(),
                "lost usage of keys at the shutdown"
            );
        }
    }

    /// Writes one step, retried until the store takes it. Returns whether there was anything to write.
    async fn step(&self) -> bool {
        loop {
            match self.gate.write_usage().await {
                Ok(more) => return more,
                Err(error) => {
                    tracing::warn!(
                        event = "usage.write_retried",
                        %error,
                        waiting = self.gate.waiting_usage(),
                        "retrying to write usage"
                    );
                }
            }
            sleep(RETRY).await;
        }
    }
}
