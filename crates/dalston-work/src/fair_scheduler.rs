//! Fair scheduling between tenants. Engines read which tenants have due jobs and ask this module whose job is leased
//! next.

use crate::JobLeaseRequest;
use dalston_model::TenantId;
use std::{cmp::Ordering, collections::BTreeSet};

/// A tenant that has due jobs, with the oldest of them. `J` orders jobs by age (time, then id).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingTenant<J> {
    /// The tenant.
    pub tenant: TenantId,
    /// Number of its jobs that are running or cancelling.
    pub running: u64,
    /// Number of its last turn; 0 when it had none.
    pub served: u64,
    /// Its oldest due job.
    pub job: J,
}

impl<J: Ord> Ord for WaitingTenant<J> {
    fn cmp(&self, other: &Self) -> Ordering {
        let of = |turn: &Self| (turn.running, turn.served);
        of(self).cmp(&of(other)).then_with(|| self.job.cmp(&other.job)).then_with(|| self.tenant.cmp(&other.tenant))
    }
}

impl<J: Ord> PartialOrd for WaitingTenant<J> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Order of turns: the tenant with the fewest running jobs first; then the one served longest ago; then the one with
/// the oldest job. A tenant therefore waits for at most one job of another tenant, however many that one has queued.
#[derive(Debug)]
pub struct FairScheduler<'a, J> {
    ask: &'a JobLeaseRequest,
    last: u64,
    open: BTreeSet<WaitingTenant<J>>,
}

impl<'a, J: Ord> FairScheduler<'a, J> {
    /// Returns a scheduler without waiting tenants. `last` is the number of the last turn given.
    pub const fn new(ask: &'a JobLeaseRequest, last: u64) -> Self {
        Self { ask, last, open: BTreeSet::new() }
    }

    /// Adds a waiting tenant, unless it has reached its limit of running jobs or the request skips it.
    pub fn wait(&mut self, turn: WaitingTenant<J>) {
        if turn.running >= u64::from(self.ask.per_tenant) || self.ask.but.contains(&turn.tenant) {
            return;
        }
        self.open.insert(turn);
        // Keeps at most `limit` tenants. A tenant beyond that cannot get a turn, because each turn moves its tenant
        // back, never forward.
        if self.open.len() > usize::try_from(self.ask.limit).unwrap_or(usize::MAX) {
            self.open.pop_last();
        }
    }

    /// Returns the next turn and its number.
    pub fn serve(&mut self) -> Option<(WaitingTenant<J>, u64)> {
        let turn = self.open.pop_first()?;
        self.last = self.last.saturating_add(1);
        Some((turn, self.last))
    }

    /// Adds the tenant again with its next job, after its turn number `served`.
    pub fn requeue(&mut self, tenant: TenantId, running: u64, served: u64, job: J) {
        self.wait(WaitingTenant { tenant, running: running.saturating_add(1), served, job });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn tenant(name: &str) -> TenantId {
        name.parse().unwrap()
    }

    /// Returns the order of turns. Each tenant is given with its running jobs, its last turn and the ages of its due
    /// jobs.
    fn order(ask: &JobLeaseRequest, waiting: &[(&str, u64, u64, &[u32])]) -> Vec<String> {
        let mut turns = FairScheduler::new(ask, 100);
        let mut jobs: std::collections::BTreeMap<TenantId, Vec<u32>> =
            waiting.iter().map(|(name, _, _, ages)| (tenant(name), ages.iter().rev().copied().collect())).collect();
        for (name, running, served, _) in waiting {
            let Some(job) = jobs.get_mut(&tenant(name)).unwrap().pop() else { continue };
            turns.wait(WaitingTenant { tenant: tenant(name), running: *running, served: *served, job });
        }
        let mut given = Vec::new();
        while given.len() < usize::try_from(ask.limit).unwrap() {
            let Some((turn, number)) = turns.serve() else { break };
            given.push(format!("{}{}", turn.tenant, turn.job));
            if let Some(job) = jobs.get_mut(&turn.tenant).unwrap().pop() {
                turns.requeue(turn.tenant, turn.running, number, job);
            }
        }
        given
    }

    fn ask(limit: u32, per_tenant: u32, but: &[&str]) -> JobLeaseRequest {
        JobLeaseRequest {
            limit,
            per_tenant,
            but: but.iter().map(|it| tenant(it)).collect(),
            ttl: Duration::from_secs(1),
        }
    }

    #[test]
    fn tenants_take_turns_by_what_runs_then_by_who_waited_longest_then_by_age() {
        assert_eq!(order(&ask(5, 9, &[]), &[("a", 0, 7, &[1, 2, 3]), ("b", 0, 3, &[9])]), ["b9", "a1", "a2", "a3"]);
        assert_eq!(order(&ask(3, 9, &[]), &[("a", 1, 0, &[1]), ("b", 0, 9, &[8, 9])]), ["b8", "a1", "b9"]);
        assert_eq!(order(&ask(2, 9, &[]), &[("a", 0, 0, &[2]), ("b", 0, 0, &[1])]), ["b1", "a2"]);
    }

    #[test]
    fn nobody_has_more_than_a_share_and_who_is_passed_over_waits() {
        assert_eq!(order(&ask(9, 2, &[]), &[("a", 1, 0, &[1, 2, 3])]), ["a1"]);
        assert_eq!(order(&ask(9, 2, &["a"]), &[("a", 0, 0, &[1]), ("b", 2, 0, &[2]), ("c", 0, 0, &[3])]), ["c3"]);
        assert_eq!(order(&ask(0, 2, &[]), &[("a", 0, 0, &[1])]), Vec::<String>::new());
    }
}
