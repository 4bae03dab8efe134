//! Background tasks of a node, and their shutdown.

use crate::{Runtime, Stage, TaskSet};
use anyhow::{Context, Result};
use dalston_webhook::Sender;
use std::{future::Future, sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{Interval, MissedTickBehavior, interval, timeout},
};

/// Interval of stream maintenance.
const UPKEEP: Duration = Duration::from_secs(1);
/// Interval of recovery, which also runs at the start.
const RECOVERY: Duration = Duration::from_mins(1);
/// Timeout of each stop stage: longer than the waits for running jobs (20 s) and deliveries (15 s).
const STAGE: Duration = Duration::from_secs(30);
/// Timeout of releasing stream slots at shutdown: a shutdown does not wait for an unavailable store.
const SLOTS_TIMEOUT: Duration = Duration::from_secs(5);
/// Timeout of deleting messages with secrets at shutdown: a shutdown does not wait for an unavailable chat.
const ERASURES_TIMEOUT: Duration = Duration::from_secs(5);

impl Runtime {
    /// Spawns the background tasks of a serving node on the current tokio runtime. Without them each request queries
    /// the store. Fails if TLS for webhooks cannot be set up.
    ///
    /// A shutdown first stops the listener, then ends sessions and starts no more jobs ([`Self::begin_shutdown`]), then
    /// stops these tasks stage by stage ([`TaskSet::stop`]), then the rest ([`Self::stop`]).
    pub fn spawn_background_tasks(self: &Arc<Self>) -> Result<TaskSet> {
        let (dispatcher, deliveries) = (self.services.dispatcher.clone(), self.services.deliveries.clone());
        let sender = self.webhook_sender()?;
        let mut tasks = TaskSet::new(STAGE);
        // `begin_shutdown` stops it: jobs finish while the listener still completes its requests.
        tasks.spawn(Stage::Work, "dispatcher", |_| dispatcher.run());
        tasks.spawn(Stage::Work, "deliveries", |stopping| deliveries.run(sender, stopping));
        self.spawn(&mut tasks, Stage::Work, "bot", Self::run_bot);
        self.spawn(&mut tasks, Stage::Work, "recovery", Self::run_recovery);
        // These run until no work is left, so that revoking a key still cancels its jobs, and limits are still counted.
        self.spawn(&mut tasks, Stage::Upkeep, "change feed", |it, stopping| async move { it.feed.run(stopping).await });
        self.spawn(&mut tasks, Stage::Upkeep, "limits", |it, stopping| async move { it.limiter.run(stopping).await });
        self.spawn(&mut tasks, Stage::Upkeep, "streams", Self::run_stream_upkeep);
        self.spawn(&mut tasks, Stage::Upkeep, "pepper", Self::run_pepper);
        // Last, because it writes the usage that all other tasks counted. It writes the usage that it holds before the
        // final flush.
        self.spawn(&mut tasks, Stage::Usage, "usage", |it, stopping| async move { it.usage.run(stopping).await });
        Ok(tasks)
    }

    fn spawn<F: Future<Output = ()> + Send + 'static>(
        self: &Arc<Self>,
        tasks: &mut TaskSet,
        stage: Stage,
        name: &'static str,
        run: impl FnOnce(Arc<Self>, watch::Receiver<()>) -> F,
    ) {
        let this = self.clone();
        tasks.spawn(stage, name, |stopping| run(this, stopping));
    }

    /// Runs the bot, if there is one. At shutdown the bot finishes the update that it is answering.
    async fn run_bot(self: Arc<Self>, stopping: watch::Receiver<()>) {
        if let Some(bot) = &self.bot {
            bot.run(stopping).await;
        }
    }

    /// Runs recovery in a task of its own: a folder with many files would delay stream maintenance. A recovery that is
    /// cut off is completed by the next one.
    async fn run_recovery(self: Arc<Self>, mut stopping: watch::Receiver<()>) {
        let mut minutes = every(RECOVERY);
        let recovering = async {
            loop {
                minutes.tick().await;
                self.recover().await;
            }
        };
        tokio::select! {
            _ = stopping.changed() => {}
            () = recovering => {}
        }
    }

    /// Runs stream maintenance in a task of its own: a store that accepts no usage must not delay streams.
    async fn run_stream_upkeep(self: Arc<Self>, mut stopping: watch::Receiver<()>) {
        let mut seconds = every(UPKEEP);
        while next_tick(&mut seconds, &mut stopping).await {
            self.maintain_streams().await;
        }
    }

    async fn run_pepper(self: Arc<Self>, mut stopping: watch::Receiver<()>) {
        let mut seconds = every(UPKEEP);
        while next_tick(&mut seconds, &mut stopping).await {
            self.learn_pepper().await;
        }
    }

    /// Runs one round of the tasks that run each second: writes the counted usage, applies key changes from the change
    /// feed, maintains the streams.
    pub async fn run_upkeep_once(&self) {
        self.usage.write().await;
        self.maintain_streams().await;
        self.learn_pepper().await;
    }

    async fn learn_pepper(&self) {
        if let Err(error) = self.gate.learn_pepper().await {
            tracing::error!(event = "pepper.not_recorded", %error, "could not record the pepper in the store");
        }
    }

    /// Applies key changes from other nodes to open streams, and closes the streams of expired keys.
    async fn maintain_streams(&self) {
        // A failure is already logged, and is retried.
        let _ = self.feed.follow().await;
        self.services.streams.expire(self.clock.now());
        if let Err(error) = self.services.streams.keep().await {
            tracing::warn!(event = "stream.slots_not_renewed", %error, "could not renew the slots of streams");
        }
    }

    /// Recovery, at the start and each minute. Finishes or deletes uploads that a crash cut off, deletes messages with
    /// secrets that it left in a chat, settles jobs whose node or key is lost or whose time is over, and deletes old
    /// webhook deliveries.
    pub async fn recover(&self) {
        if let Some(bot) = &self.bot {
            bot.sweep().await;
        }
        if let Err(error) = self.services.jobs.recover().await {
            tracing::warn!(event = "upload.recovery_failed", %error, "could not recover uploads");
        }
        if let Err(error) = self.services.dispatcher.tidy().await {
            tracing::warn!(event = "queue.maintenance_failed", %error, "could not maintain the queue");
        }
        if let Err(error) = self.services.deliveries.sweep().await {
            tracing::warn!(event = "delivery.sweep_failed", %error, "could not delete old webhook deliveries");
        }
    }

    /// Delivers webhooks until the sender of `ending` is dropped. Fails if TLS cannot be set up.
    pub fn deliver(&self, ending: watch::Receiver<()>) -> Result<impl Future<Output = ()> + use<>> {
        Ok(self.services.deliveries.clone().run(self.webhook_sender()?, ending))
    }

    fn webhook_sender(&self) -> Result<Sender> {
        let sender = Sender::new(self.webhook_networks.clone(), self.webhook_patience);
        sender.context("webhooks have no HTTP client")
    }

    /// Begins the shutdown: no more jobs start, waiting requests return, streams end.
    pub fn begin_shutdown(&self) {
        self.services.jobs.stop();
        self.services.streams.stop();
    }

    /// Finishes the shutdown: closes open streams, deletes messages with secrets, writes the counted usage, closes the
    /// store.
    pub async fn stop(&self) {
        self.begin_shutdown();
        if let Some(bot) = &self.bot
            && timeout(ERASURES_TIMEOUT, bot.finish()).await.is_err()
        {
            tracing::warn!(
                event = "telegram.erasures_unfinished",
                "could not delete all messages with secrets in time"
            );
        }
        match timeout(SLOTS_TIMEOUT, self.services.streams.close()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(event = "stream.slots_not_released", %error, "could not release the slots of streams");
            }
            Err(_) => {
                tracing::warn!(
                    event = "stream.slots_release_timed_out",
                    "could not release the slots of streams in time"
                );
            }
        }
        self.usage.finish().await;
        self.store.close().await;
    }

    /// Applies key changes from the change feed until the sender of `ending` is dropped.
    pub async fn follow_changes(&self, ending: watch::Receiver<()>) {
        self.feed.run(ending).await;
    }
}

/// An interval that ticks at once, then with this period.
fn every(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Waits for the next tick. Returns false when the task must stop.
async fn next_tick(ticks: &mut Interval, stopping: &mut watch::Receiver<()>) -> bool {
    tokio::select! {
        biased;
        _ = stopping.changed() => false,
        _ = ticks.tick() => true,
    }
}
