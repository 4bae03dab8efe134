//! What a node does beside its requests: its background tasks, and how they stop.

use crate::{Runtime, Stage, TaskSet};
use anyhow::{Context, Result};
use dalston_webhook::Sender;
use std::{future::Future, sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{Interval, MissedTickBehavior, interval, timeout},
};

/// The upkeep of streams runs so often.
const UPKEEP: Duration = Duration::from_secs(1);
/// Recovery runs at the start, and so often.
const RECOVERY: Duration = Duration::from_mins(1);
/// Each stage of the tasks has so long to stop: longer than jobs under way (20 s) and deliveries (15 s) are waited for.
const STAGE: Duration = Duration::from_secs(30);
/// At the stop, the slots of streams are freed within so long: a stop does not wait for a store that is away.
const LAST_FLUSH: Duration = Duration::from_secs(5);
/// Nor does it wait for a chat.
const LAST_WORDS: Duration = Duration::from_secs(5);

impl Runtime {
    /// Starts what a service does as long as it takes requests, on the tokio runtime of the caller. Without it each request
    /// asks the store. Fails where no TLS can be set up for webhooks.
    ///
    /// A shutdown stops the listener first, then ends sessions and begins no more jobs ([`Self::begin_shutdown`]), then
    /// stops these tasks stage by stage ([`TaskSet::stop`]), then the rest ([`Self::stop`]).
    pub fn spawn_background_tasks(self: &Arc<Self>) -> Result<TaskSet> {
        let (dispatcher, deliveries) = (self.services.dispatcher.clone(), self.services.deliveries.clone());
        let sender = self.webhook_sender()?;
        let mut tasks = TaskSet::new(STAGE);
        // Told to stop by `begin_shutdown`: jobs come to their end while the listener still finishes its requests.
        tasks.spawn(Stage::Work, "dispatcher", |_| dispatcher.run());
        tasks.spawn(Stage::Work, "deliveries", |stopping| deliveries.run(sender, stopping));
        self.spawn(&mut tasks, Stage::Work, "bot", Self::run_bot);
        self.spawn(&mut tasks, Stage::Work, "recovery", Self::run_recovery);
        // Until no work is left: a key that is revoked meanwhile ends its jobs, and limits are counted.
        self.spawn(&mut tasks, Stage::Upkeep, "change feed", |it, stopping| async move { it.feed.run(stopping).await });
        self.spawn(&mut tasks, Stage::Upkeep, "limits", |it, stopping| async move { it.limiter.run(stopping).await });
        self.spawn(&mut tasks, Stage::Upkeep, "streams", Self::run_stream_upkeep);
        self.spawn(&mut tasks, Stage::Upkeep, "pepper", Self::run_pepper);
        // Last: it writes what all others have counted. The usage that it holds is written before the last flush.
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

    /// The bot, if there is one, answers updates. At the stop it finishes the one that it is answering.
    async fn run_bot(self: Arc<Self>, stopping: watch::Receiver<()>) {
        if let Some(bot) = &self.bot {
            bot.run(stopping).await;
        }
    }

    /// Apart from the upkeep: a folder of many files would hold it up. A recovery that is cut off is finished by the next.
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

    /// Apart from the usage: a store that takes none holds up no stream.
    async fn run_stream_upkeep(self: Arc<Self>, mut stopping: watch::Receiver<()>) {
        let mut seconds = every(UPKEEP);
        while ticked(&mut seconds, &mut stopping).await {
            self.maintain_streams().await;
        }
    }

    async fn run_pepper(self: Arc<Self>, mut stopping: watch::Receiver<()>) {
        let mut seconds = every(UPKEEP);
        while ticked(&mut seconds, &mut stopping).await {
            self.learn_pepper().await;
        }
    }

    /// One round of the tasks that run each second: writes the usage that was counted, follows the changes of keys, and
    /// maintains the streams.
    pub async fn run_upkeep_once(&self) {
        self.usage.write().await;
        self.maintain_streams().await;
        self.learn_pepper().await;
    }

    async fn learn_pepper(&self) {
        if let Err(error) = self.gate.learn_pepper().await {
            tracing::error!(event = "pepper.store_failed", %error, "could not store the pepper's fingerprint");
        }
    }

    /// Changes of keys made elsewhere reach open streams, streams of expired keys end.
    async fn maintain_streams(&self) {
        // What failed was logged, and is tried again.
        let _ = self.feed.follow().await;
        self.services.streams.expire(self.clock.now());
        if let Err(error) = self.services.streams.keep().await {
            tracing::warn!(event = "stream.renew_failed", %error, "could not renew the slots of streams: retrying");
        }
    }

    /// What is done at the start and each minute: uploads that a crash cut off are finished or deleted, and messages with
    /// secrets that it left in a chat are deleted; jobs whose node or key is lost, or whose time is over, are seen to; old
    /// deliveries of webhooks go.
    pub async fn recover(&self) {
        if let Some(bot) = &self.bot {
            bot.sweep().await;
        }
        if let Err(error) = self.services.jobs.recover().await {
            tracing::warn!(event = "upload.recovery_failed", %error, "could not recover uploads");
        }
        if let Err(error) = self.services.dispatcher.tidy().await {
            tracing::warn!(event = "queue.tidy_failed", %error, "could not tidy the queue");
        }
        if let Err(error) = self.services.deliveries.sweep().await {
            tracing::warn!(event = "delivery.sweep_failed", %error, "could not delete old deliveries");
        }
    }

    /// Makes deliveries of webhooks until the other end of `ending` is dropped. Fails where no TLS can be set up.
    pub fn deliver(&self, ending: watch::Receiver<()>) -> Result<impl Future<Output = ()> + use<>> {
        Ok(self.services.deliveries.clone().run(self.webhook_sender()?, ending))
    }

    fn webhook_sender(&self) -> Result<Sender> {
        let sender = Sender::new(self.webhook_networks.clone(), self.webhook_patience);
        sender.context("webhooks have no HTTP client")
    }

    /// What is done at once when the gateway is to stop: no job begins, nobody waits for one, streams end.
    pub fn begin_shutdown(&self) {
        self.services.jobs.stop();
        self.services.streams.stop();
    }

    /// Ends: open streams, messages with secrets, then the counted usage, then the store.
    pub async fn stop(&self) {
        self.begin_shutdown();
        if let Some(bot) = &self.bot
            && timeout(LAST_WORDS, bot.finish()).await.is_err()
        {
            tracing::warn!(event = "telegram.deletions_left", "left messages with secrets for another node or the next start to delete");
        }
        match timeout(LAST_FLUSH, self.services.streams.close()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(event = "stream.release_failed", %error, "could not free the slots of streams: they expire"),
            Err(_) => tracing::warn!(event = "stream.release_failed", "could not free the slots of streams: they expire"),
        }
        self.usage.finish().await;
        self.store.close().await;
    }

    /// Follows the changes of keys until the other end of `ending` is dropped.
    pub async fn follow_changes(&self, ending: watch::Receiver<()>) {
        self.feed.run(ending).await;
    }
}

/// Ticks at once, and then so often.
fn every(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Waits for the next tick. False when the task is to stop.
async fn ticked(ticks: &mut Interval, stopping: &mut watch::Receiver<()>) -> bool {
    tokio::select! {
        biased;
        _ = stopping.changed() => false,
        _ = ticks.tick() => true,
    }
}
