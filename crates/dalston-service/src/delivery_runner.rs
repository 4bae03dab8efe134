//! Deliveries of webhooks: taken from the outbox, sent, and tried again for about an hour.

use crate::{ServiceResult, in_flight::InFlight};
use dalston_model::{AuditEntry, PageRequest, SharedClock, SharedEntropy, Source, Timestamp};
use dalston_store::StoreResult;
use dalston_webhook::{DeliveryError, OutgoingDelivery, Sender};
use dalston_work::{
    AttemptOutcome, Delivery, DueDelivery, SharedWorkStorage, Webhook, WebhookId, WebhookPatch, WorkAction, WorkTarget,
};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
    time::sleep,
};

/// A delivery that failed so often is tried again after so long; one that failed once more is given up.
const DELAYS: [Duration; 4] =
    [Duration::from_secs(30), Duration::from_mins(2), Duration::from_mins(10), Duration::from_hours(1)];
/// A delivery that was taken is this node's for so long.
const LEASE: Duration = Duration::from_mins(1);
/// So many are taken at once: few enough for a slow endpoint to hear all of them within the lease.
const TAKEN: usize = 8;
/// The outbox is looked into so often, about: events of other nodes, and retries, come that late.
const POLL: Duration = Duration::from_secs(2);
/// The endpoint is gone, and says so.
const GONE: u16 = 410;
/// Ended deliveries are kept for so long.
const KEPT: Duration = Duration::from_hours(30 * 24);
/// So many are deleted at once.
const SWEPT: u32 = 1_000;

/// Makes deliveries.
pub struct DeliveryRunner {
    store: SharedWorkStorage,
    clock: SharedClock,
    entropy: SharedEntropy,
    due: Notify,
}

impl DeliveryRunner {
    pub(crate) fn new(store: SharedWorkStorage, clock: SharedClock, entropy: SharedEntropy) -> Self {
        Self { store, clock, entropy, due: Notify::new() }
    }

    /// Tells that a delivery may be due. Whatever ends a job on this node calls it; without, a delivery goes out a little
    /// later.
    pub fn wake(&self) {
        self.due.notify_one();
    }

    /// Makes deliveries until the other end of `ending` is dropped; those under way then are finished.
    pub async fn run(self: Arc<Self>, sender: Sender, mut ending: watch::Receiver<()>) {
        let sender = Arc::new(sender);
        let mut hand = InFlight::default();
        let mut sending = JoinSet::new();
        loop {
            self.fill(&mut hand, &mut sending, &sender).await;
            tokio::select! {
                biased;
                _ = ending.changed() => break,
                Some(ended) = sending.join_next_with_id() => {
                    let task = match ended {
                        Ok((task, ())) => task,
                        Err(error) => {
                            tracing::error!(event = "delivery.panicked", %error, "a delivery panicked");
                            error.id()
                        }
                    };
                    hand.ended(task);
                }
                () = self.due.notified() => {}
                () = sleep(self.until_the_next_look()) => {}
            }
        }
        while sending.join_next().await.is_some() {}
    }

    /// Sends what is at hand and may go, and takes more while there is room.
    async fn fill(self: &Arc<Self>, hand: &mut InFlight, sending: &mut JoinSet<()>, sender: &Arc<Sender>) {
        loop {
            while let Some(due) = hand.next() {
                let (this, sender) = (Arc::clone(self), Arc::clone(sender));
                let (tenant, webhook) = (due.webhook.tenant.clone(), due.webhook.id);
                let task = sending.spawn(async move { this.deliver(&sender, due).await });
                hand.begun(task.id(), tenant, webhook);
            }
            let room = u32::try_from(hand.room().min(TAKEN)).unwrap_or_default();
            if room == 0 {
                return;
            }
            let taken = match self.passed_over(hand).await {
                Ok(but) => self.store.take_deliveries(room, LEASE, &but).await,
                Err(error) => Err(error),
            };
            match taken {
                Ok(taken) if taken.is_empty() => return,
                Ok(taken) => hand.take(taken),
                Err(error) => {
                    tracing::warn!(event = "delivery.take_failed", %error, "could not take due deliveries");
                    return;
                }
            }
        }
    }

    /// The webhooks that are to get no more for now: those that have enough under way, and all of a tenant that has its
    /// share. A page holds them all: [`Webhook::MOST`].
    async fn passed_over(&self, hand: &InFlight) -> StoreResult<Vec<WebhookId>> {
        let mut but = hand.full();
        for tenant in hand.busy() {
            let page = self.store.webhooks(&tenant, &PageRequest::default()).await?;
            but.extend(page.items.iter().map(|webhook| webhook.id));
        }
        Ok(but)
    }

    /// Tries a delivery, and notes how that went.
    async fn deliver(&self, sender: &Sender, due: DueDelivery) {
        let DueDelivery { delivery, webhook, secrets } = due;
        let letter = OutgoingDelivery {
            id: delivery.id,
            at: self.clock.now(),
            url: &webhook.url,
            body: &delivery.body,
            secrets: &secrets,
        };
        let sent = sender.send(&letter).await;
        let at = self.clock.now();
        if let Err(error) = self.note(&delivery, &webhook, sent, at).await {
            // Its lease lapses, and it is tried again: at least once is the promise.
            tracing::warn!(
                event = "delivery.finish_failed",
                delivery = %delivery.id,
                %error,
                "could not store the outcome of a delivery"
            );
        }
    }

    async fn note(
        &self,
        delivery: &Delivery,
        webhook: &Webhook,
        sent: Result<u16, DeliveryError>,
        at: Timestamp,
    ) -> ServiceResult<()> {
        let fault = sent.err();
        let is_gone = fault.and_then(|fault| fault.status()) == Some(GONE);
        let next = match fault {
            Some(_) if !is_gone => delay(delivery.attempts).map(|delay| at.plus(delay)),
            _ => None,
        };
        let attempted = AttemptOutcome {
            tenant: webhook.tenant.clone(),
            delivery: delivery.id,
            attempt: delivery.attempts,
            at,
            status: sent.ok().or(fault.and_then(|fault| fault.status())),
            error: fault.map(|fault| fault.to_string()),
            next_at: next,
        };
        tracing::debug!(
            event = "delivery.attempted", delivery = %delivery.id,
            webhook = %webhook.id,
            attempt = delivery.attempts,
            status = attempted.status,
            error = attempted.error,
            "attempted a delivery"
        );
        let disabled = disabled(webhook, at, json!({"failed_deliveries": Webhook::EXHAUSTED}));
        let is_off = self.store.finish_delivery(&attempted, &disabled).await?;
        let is_off = is_off || (is_gone && self.switch_off(webhook, at).await?);
        if is_off {
            tracing::info!(
                event = "webhook.disabled",
                webhook = %webhook.id,
                tenant = %webhook.tenant,
                gone = is_gone,
                "disabled a webhook"
            );
        }
        Ok(())
    }

    /// Switches a webhook off whose endpoint says that it is gone, unless it leads elsewhere by now.
    async fn switch_off(&self, webhook: &Webhook, at: Timestamp) -> ServiceResult<bool> {
        let (tenant, id) = (&webhook.tenant, webhook.id);
        let is_same = |now: &Webhook| now.enabled && now.url == webhook.url;
        if !self.store.webhook(tenant, id).await?.as_ref().is_some_and(is_same) {
            return Ok(false);
        }
        let patch = WebhookPatch { enabled: Some(false), ..WebhookPatch::default() };
        let entry = disabled(webhook, at, json!({"status": GONE}));
        Ok(self.store.update_webhook(tenant, id, &patch, &entry).await?.is_some())
    }

    /// Deletes ended deliveries that are old.
    pub async fn sweep(&self) -> ServiceResult<()> {
        let now = self.clock.now();
        let before = Timestamp::from_micros(now.as_micros().saturating_sub(micros(KEPT)));
        while self.store.sweep_deliveries(before, SWEPT).await? >= SWEPT {}
        Ok(())
    }

    /// Between half and one and a half of the time: nodes that started together look at different times.
    fn until_the_next_look(&self) -> Duration {
        let mut chance = [128];
        // Without chance they look together: that is no fault.
        let _ = self.entropy.fill(&mut chance);
        POLL / 2 + POLL * u32::from(chance[0]) / 255
    }
}

/// How long a delivery waits that has failed so often; `None`: it is given up.
fn delay(attempts: u32) -> Option<Duration> {
    let failed = usize::try_from(attempts).ok()?;
    DELAYS.get(failed.checked_sub(1)?).copied()
}

fn disabled(webhook: &Webhook, time: Timestamp, detail: Value) -> AuditEntry {
    AuditEntry {
        time,
        tenant: webhook.tenant.clone(),
        source: Source::gateway(),
        action: WorkAction::WEBHOOK_DISABLED,
        target: WorkTarget::Webhook(webhook.id).into(),
        detail,
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_tried_five_times() {
        let waits: Vec<Option<u64>> = (1..=6).map(|failed| delay(failed).map(|it| it.as_secs())).collect();
        assert_eq!(waits, [Some(30), Some(120), Some(600), Some(3_600), None, None]);
    }
}
