//! Whose job is leased next: every tenant has its turn. Engines read who waits, and ask here.

use crate::JobLeaseRequest;
use dalston_model::TenantId;
use std::{cmp::Ordering, collections::BTreeSet};

/// A tenant that has due jobs, with the oldest of them. `J` orders jobs by age: its time, then its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingTenant<J> {
    /// The tenant.
    pub tenant: TenantId,
    /// How many of its jobs are running or cancelling.
    pub running: u64,
    /// The number of its last turn; 0: it had none.
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

/// The order of turns: the tenant with the fewest jobs running comes first; of several, the one that was served longest
/// ago; then the one with the oldest job. So a tenant waits for one job of another at most, however many that one has.
#[derive(Debug)]
pub struct FairScheduler<'a, J> {
    ask: &'a JobLeaseRequest,
    last: u64,
    open: BTreeSet<WaitingTenant<J>>,
}

impl<'a, J: Ord> FairScheduler<'a, J> {
    /// Nobody waits yet. `last` is the number of the last turn that was given.
    pub const fn new(ask: &'a JobLeaseRequest, last: u64) -> Self {
        Self { ask, last, open: BTreeSet::new() }
    }

    /// This tenant waits, unless it has its share or is passed over.
    pub fn wait(&mut self, turn: WaitingTenant<J>) {
        if turn.running >= u64::from(self.ask.per_tenant) || self.ask.but.contains(&turn.tenant) {
            return;
        }
        self.open.insert(turn);
        // More tenants than there are jobs to give cannot have a turn: a turn only puts its tenant back.
        if self.open.len() > usize::try_from(self.ask.limit).unwrap_or(usize::MAX) {
            self.open.pop_last();
        }
    }

    /// Gives the next turn, with its number.
    pub fn serve(&mut self) -> Option<(WaitingTenant<J>, u64)> {
        let turn = self.open.pop_first()?;
        self.last = self.last.saturating_add(1);
        Some((turn, self.last))
    }

    /// The tenant of this turn, which had the number `served`, waits again with its next job.
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

    /// Whose turns come, where each tenant has so many jobs running and the jobs of these ages waiting.
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
