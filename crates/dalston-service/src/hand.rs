//! The deliveries that this node has taken: so many go at once, and so many to one webhook.

use dalston_model::WebhookId;
use dalston_store::DueDelivery;
use std::collections::{HashMap, VecDeque};
use tokio::task;

/// Deliveries under way at once.
const ALL: usize = 16;
/// And to one webhook: a slow endpoint takes no more of them.
const EACH: usize = 4;

/// Deliveries that were taken.
#[derive(Default)]
pub(crate) struct Hand {
    waiting: VecDeque<DueDelivery>,
    under_way: HashMap<task::Id, WebhookId>,
}

impl Hand {
    /// Adds what was taken.
    pub(crate) fn take(&mut self, taken: Vec<DueDelivery>) {
        self.waiting.extend(taken);
    }

    /// The oldest delivery that may go now.
    pub(crate) fn next(&mut self) -> Option<DueDelivery> {
        if self.under_way.len() >= ALL {
            return None;
        }
        let at = self.waiting.iter().position(|due| self.to(due.webhook.id) < EACH)?;
        self.waiting.remove(at)
    }

    /// Notes that a delivery is under way.
    pub(crate) fn begun(&mut self, task: task::Id, webhook: WebhookId) {
        self.under_way.insert(task, webhook);
    }

    /// Notes that it has ended.
    pub(crate) fn ended(&mut self, task: task::Id) {
        self.under_way.remove(&task);
    }

    /// How many more may be under way.
    pub(crate) fn room(&self) -> usize {
        ALL.saturating_sub(self.under_way.len())
    }

    /// The webhooks that have enough at hand.
    pub(crate) fn full(&self) -> Vec<WebhookId> {
        let mut full: Vec<WebhookId> = self.under_way.values().copied().filter(|id| self.to(*id) >= EACH).collect();
        full.sort();
        full.dedup();
        full
    }

    fn to(&self, webhook: WebhookId) -> usize {
        self.under_way.values().filter(|id| **id == webhook).count()
    }
}
