//! Webhook deliveries: takes them from the outbox, sends them, and retries them for about 70 minutes.

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

/// Delay after each failed attempt. A delivery that fails once more is given up.
const DELAYS: [Duration; 4] =
    [Duration::from_secs(30), Duration::from_mins(2), Duration::from_mins(10), Duration::from_hours(1)];
/// Time for which a delivery that was taken belongs to this node.
const LEASE: Duration = Duration::from_mins(1);
/// Maximum number of deliveries taken per call: few enough for a slow endpoint to receive all of them within the lease.
const TAKEN: usize = 8;
/// Mean polling interval of the outbox. Events of other nodes, and retries, are delayed by it.
const POLL: Duration = Duration::from_secs(2);
/// HTTP status 410 (Gone): the endpoint no longer exists.
const GONE: u16 = 410;
/// Retention of ended deliveries.
const KEPT: Duration = Duration::from_hours(30 * 24);
/// Maximum number of deliveries deleted per call of the store.
const SWEPT: u32 = 1_000;

/// Takes due deliveries from the outbox and sends them.
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

    /// Notifies the runner that a delivery may be due.
    ///
    /// Called by everything on this node that ends a job. Without the call, a delivery is sent at the next poll.
    pub fn wake(&self) {
        self.due.notify_one();
    }

    /// Sends deliveries until the sender of `ending` is dropped. Then waits for those in flight.
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

    /// Sends the deliveries that may be sent now, and takes more while there is room.
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

    /// Returns the webhooks for which no deliveries are taken for now: those that have enough in flight, and all
    /// webhooks of a tenant that has used up its share.
    ///
    /// One page has all webhooks of a tenant: see [`Webhook::MOST`].
    async fn passed_over(&self, hand: &InFlight) -> StoreResult<Vec<WebhookId>> {
        let mut but = hand.full();
        for tenant in hand.busy() {
            let page = self.store.webhooks(&tenant, &PageRequest::default()).await?;
            but.extend(page.items.iter().map(|webhook| webhook.id));
        }
        Ok(but)
    }

    /// Attempts a delivery, and stores the outcome.
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
            // The lease expires and the delivery is attempted again: delivery is at least once.
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

    /// Disables a webhook whose endpoint answered 410, unless its URL was changed meanwhile.
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

    /// Deletes ended deliveries that are past their retention.
    pub async fn sweep(&self) -> ServiceResult<()> {
        let now = self.clock.now();
        let before = Timestamp::from_micros(now.as_micros().saturating_sub(micros(KEPT)));
        while self.store.sweep_deliveries(before, SWEPT).await? >= SWEPT {}
        Ok(())
    }

    /// Returns the polling interval, jittered between 50 % and 150 %, so that nodes that started together poll at
    /// different times.
    fn until_the_next_look(&self) -> Duration {
        let mut chance = [128];
        // Without randomness they poll at the same time, which does no harm.
        let _ = self.entropy.fill(&mut chance);
        POLL / 2 + POLL * u32::from(chance[0]) / 255
    }
}

/// Returns the delay after this number of failed attempts; `None` when the delivery is given up.
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
