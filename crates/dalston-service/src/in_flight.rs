//! The deliveries that this node has taken: so many go at once, so many of one tenant, and so many to one webhook.

use dalston_model::TenantId;
use dalston_work::{DueDelivery, WebhookId};
use std::collections::{HashMap, VecDeque};
use tokio::task;

/// Deliveries under way at once.
const ALL: usize = 16;
/// Of one tenant: however many slow endpoints it has, others are heard.
const SHARE: usize = ALL.div_ceil(2);
/// And to one webhook: a slow endpoint takes no more of them.
const EACH: usize = 4;

/// Deliveries that were taken.
#[derive(Default)]
pub(crate) struct InFlight {
    waiting: VecDeque<DueDelivery>,
    under_way: HashMap<task::Id, (TenantId, WebhookId)>,
}

impl InFlight {
    /// Adds what was taken.
    pub(crate) fn take(&mut self, taken: Vec<DueDelivery>) {
        self.waiting.extend(taken);
    }

    /// The oldest delivery that may go now.
    pub(crate) fn next(&mut self) -> Option<DueDelivery> {
        if self.under_way.len() >= ALL {
            return None;
        }
        let fits = |due: &DueDelivery| self.to(due.webhook.id) < EACH && self.of(&due.webhook.tenant) < SHARE;
        let at = self.waiting.iter().position(fits)?;
        self.waiting.remove(at)
    }

    /// Notes that a delivery is under way.
    pub(crate) fn begun(&mut self, task: task::Id, tenant: TenantId, webhook: WebhookId) {
        self.under_way.insert(task, (tenant, webhook));
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
        let ids = self.under_way.values().map(|(_, id)| *id);
        let mut full: Vec<WebhookId> = ids.filter(|id| self.to(*id) >= EACH).collect();
        full.sort();
        full.dedup();
        full
    }

    /// The tenants that have their share at hand.
    pub(crate) fn busy(&self) -> Vec<TenantId> {
        let tenants = self.under_way.values().map(|(tenant, _)| tenant);
        let mut busy: Vec<TenantId> = tenants.filter(|tenant| self.of(tenant) >= SHARE).cloned().collect();
        busy.sort();
        busy.dedup();
        busy
    }

    fn to(&self, webhook: WebhookId) -> usize {
        self.under_way.values().filter(|(_, id)| *id == webhook).count()
    }

    fn of(&self, tenant: &TenantId) -> usize {
        self.under_way.values().filter(|(of, _)| of == tenant).count()
    }
}
