//! The deliveries that this node has taken, with limits on those in flight: in total, per tenant, and per webhook.

use dalston_model::TenantId;
use dalston_work::{DueDelivery, WebhookId};
use std::collections::{HashMap, VecDeque};
use tokio::task;

/// Maximum number of deliveries in flight.
const ALL: usize = 16;
/// Maximum per tenant: however many slow endpoints a tenant has, other tenants are served.
const SHARE: usize = ALL.div_ceil(2);
/// Maximum per webhook: a slow endpoint blocks no more of them.
const EACH: usize = 4;

/// The taken deliveries: those that wait, and those in flight.
#[derive(Default)]
pub(crate) struct InFlight {
    waiting: VecDeque<DueDelivery>,
    under_way: HashMap<task::Id, (TenantId, WebhookId)>,
}

impl InFlight {
    /// Adds deliveries that were taken.
    pub(crate) fn take(&mut self, taken: Vec<DueDelivery>) {
        self.waiting.extend(taken);
    }

    /// Removes and returns the oldest delivery that may be sent now.
    pub(crate) fn next(&mut self) -> Option<DueDelivery> {
        if self.under_way.len() >= ALL {
            return None;
        }
        let fits = |due: &DueDelivery| self.to(due.webhook.id) < EACH && self.of(&due.webhook.tenant) < SHARE;
        let at = self.waiting.iter().position(fits)?;
        self.waiting.remove(at)
    }

    /// Records that a delivery is in flight.
    pub(crate) fn begun(&mut self, task: task::Id, tenant: TenantId, webhook: WebhookId) {
        self.under_way.insert(task, (tenant, webhook));
    }

    /// Records that a delivery has ended.
    pub(crate) fn ended(&mut self, task: task::Id) {
        self.under_way.remove(&task);
    }

    /// Returns how many more deliveries may be in flight.
    pub(crate) fn room(&self) -> usize {
        ALL.saturating_sub(self.under_way.len())
    }

    /// Returns the webhooks that have reached their limit.
    pub(crate) fn full(&self) -> Vec<WebhookId> {
        let ids = self.under_way.values().map(|(_, id)| *id);
        let mut full: Vec<WebhookId> = ids.filter(|id| self.to(*id) >= EACH).collect();
        full.sort();
        full.dedup();
        full
    }

    /// Returns the tenants that have reached their limit.
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
