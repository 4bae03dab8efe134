//! Writes the usage that a gate has counted to the store.

use crate::Gate;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

/// Interval between two writes of the usage.
const WRITE_INTERVAL: Duration = Duration::from_secs(1);
/// Pause between two batches, in which other processes can write to the same database.
const BATCH_PAUSE: Duration = Duration::from_millis(5);
/// At shutdown, interval before a failed batch is retried.
const RETRY_DELAY: Duration = Duration::from_millis(100);
/// At shutdown, time limit of one batch including its retries, so that the shutdown does not wait for an unreachable
/// store.
const BATCH_TIMEOUT: Duration = Duration::from_secs(5);
/// At shutdown, time limit of all batches together: enough for half a million keys on a slow disk.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// Writes the usage that a gate has counted, in batches that take the store some ten milliseconds each.
pub struct UsageWriter {
    gate: Arc<Gate>,
}

impl UsageWriter {
    /// Creates a writer of the gate's usage.
    pub const fn new(gate: Arc<Gate>) -> Self {
        Self { gate }
    }

    /// Writes the usage that was counted so far.
    ///
    /// Pauses between batches, so that other processes can write to the same database. If a batch fails, the error is
    /// logged, and the next call retries it.
    pub async fn write(&self) {
        self.gate.collect_usage();
        loop {
            match self.gate.write_usage().await {
                Ok(true) => sleep(BATCH_PAUSE).await,
                Ok(false) => return,
                Err(error) => {
                    let waiting = self.gate.pending_usage();
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

    /// Writes once per second, until `stopping` changes or its sender is dropped. A batch that is being written is
    /// completed first.
    pub async fn run(&self, mut stopping: watch::Receiver<()>) {
        let mut seconds = interval(WRITE_INTERVAL);
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = stopping.changed() => return,
                _ = seconds.tick() => self.write().await,
            }
        }
    }

    /// Writes all remaining usage at shutdown.
    ///
    /// Takes 5 s per batch and 30 s in total at most. If the store does not accept the rest by then, it is lost, and
    /// the loss is logged.
    pub async fn finish(&self) {
        let written = timeout(STOP_TIMEOUT, async {
            self.gate.collect_usage();
            while timeout(BATCH_TIMEOUT, self.step()).await? {}
            Ok(())
        });
        if let Err(error) = written.await.flatten() {
            tracing::error!(
                event = "usage.lost",
                %error,
                waiting = self.gate.pending_usage(),
                "lost usage of keys at the shutdown"
            );
        }
    }

    /// Writes one batch, and retries it until the store accepts it. Returns whether there was anything to write.
    async fn step(&self) -> bool {
        loop {
            match self.gate.write_usage().await {
                Ok(more) => return more,
                Err(error) => {
                    tracing::warn!(
                        event = "usage.write_retried",
                        %error,
                        waiting = self.gate.pending_usage(),
                        "retrying to write usage"
                    );
                }
            }
            sleep(RETRY_DELAY).await;
        }
    }
}
