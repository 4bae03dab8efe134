//! Token leases of nodes: never more than the limit in any window of 60 seconds, whatever the nodes do.

use super::{Fixture, handle::StoreHandle};
use crate::{ClosedLease, GrantedLease, LEASE_SLOTS, LeaseRequest, LimitStore, SLOT, slot};
use dalston_model::{KeyId, LeaseId, OsEntropy, RateLimit, Timestamp};
use std::{sync::Arc, time::Duration};
use tokio::task::JoinSet;

const SECOND: Duration = Duration::from_secs(1);

/// The counter and one key to count.
#[derive(Clone)]
struct Counter {
    handle: StoreHandle,
    limits: Arc<dyn LimitStore>,
    key: KeyId,
}

/// A granted lease with its id.
#[derive(Clone, Copy)]
struct Slice {
    id: LeaseId,
    granted: GrantedLease,
}

impl Slice {
    /// The lease as closed, after this many tokens were spent in each of its first slots.
    fn closed(&self, spent: &[u32]) -> ClosedLease {
        let mut closed = ClosedLease { id: self.id, first: slot(self.granted.starts), spent: [0; LEASE_SLOTS] };
        closed.spent[..spent.len()].copy_from_slice(spent);
        closed
    }
}

impl Counter {
    fn of(fixture: &Fixture) -> Self {
        let handle = StoreHandle::of(fixture);
        let Some(limits) = fixture.limits.clone() else { panic!("the engine has no shared counter") };
        handle.clock.advance(Duration::from_micros(50_001));
        Self { key: handle.key_id(), handle, limits }
    }

    fn id(&self) -> LeaseId {
        LeaseId::new(self.handle.now(), &OsEntropy).unwrap()
    }

    async fn ask(&self, id: LeaseId, limit: u32, want: u32, closed: &[ClosedLease]) -> GrantedLease {
        let request = LeaseRequest { id, limit: RateLimit::new(limit).unwrap(), want, closed: closed.to_vec() };
        self.limits.lease(self.key, &request).await.unwrap()
    }

    async fn lease(&self, limit: u32, want: u32, closed: &[ClosedLease]) -> Slice {
        let id = self.id();
        Slice { id, granted: self.ask(id, limit, want, closed).await }
    }

    /// The tokens that count, leased ones included.
    async fn used(&self) -> u32 {
        self.lease(RateLimit::MAX, 0, &[]).await.granted.used
    }
}

pub async fn a_slice_counts_until_it_is_settled(fixture: &Fixture) {
    let counter = Counter::of(fixture);
    let Slice { granted, .. } = counter.lease(10, 4, &[]).await;
    assert_eq!((granted.units, granted.used), (4, 4));
    assert_eq!((granted.now, granted.starts), (counter.handle.now(), counter.handle.now()));
    assert!(granted.ends > granted.now.plus(SECOND) && granted.ends <= granted.now.plus(SECOND * 3));
    assert_eq!(counter.lease(10, 10, &[]).await.granted.units, 6);
    let refused = counter.lease(10, 1, &[]).await.granted;
    assert_eq!((refused.units, refused.used), (0, 10));
    assert!(refused.frees_in > SECOND * 60 && refused.frees_in < SECOND * 64, "{:?}", refused.frees_in);
}

pub async fn what_was_not_spent_goes_back(fixture: &Fixture) {
    let counter = Counter::of(fixture);
    let slice = counter.lease(10, 10, &[]).await;
    let next = counter.lease(10, 10, &[slice.closed(&[3])]).await;
    assert_eq!((next.granted.units, next.granted.used), (7, 10));
    counter.lease(10, 0, &[next.closed(&[])]).await;
    assert_eq!(counter.used().await, 3);
}

pub async fn units_count_in_the_slots_where_they_were_spent(fixture: &Fixture) {
    let counter = Counter::of(fixture);
    let slice = counter.lease(10, 10, &[]).await;
    counter.handle.clock.advance(SECOND);
    counter.lease(10, 0, &[slice.closed(&[1, 2, 0, 4])]).await;
    assert_eq!(counter.used().await, 7);
    for (passed, left) in [(SECOND * 59, 7), (SLOT, 6), (SLOT, 4), (SLOT, 4), (SLOT, 0)] {
        counter.handle.clock.advance(passed);
        assert_eq!(counter.used().await, left);
    }
}

pub async fn a_slice_is_settled_once(fixture: &Fixture) {
    let counter = Counter::of(fixture);
    let closed = counter.lease(10, 8, &[]).await.closed(&[2]);
    counter.lease(10, 5, &[]).await;
    for _ in 0..3 {
        counter.lease(10, 0, &[closed]).await;
        assert_eq!(counter.used().await, 4);
    }
    let stranger = ClosedLease { id: counter.id(), ..closed };
    counter.lease(10, 0, &[stranger]).await;
    assert_eq!(counter.used().await, 4);
}

pub async fn a_lost_answer_costs_nothing_once_it_is_asked_again(fixture: &Fixture) {
    let counter = Counter::of(fixture);
    let id = counter.id();
    for _ in 0..3 {
        assert_eq!(counter.ask(id, 10, 6, &[]).await.units, 6);
        assert_eq!(counter.used().await, 6);
    }
    let granted = counter.ask(counter.id(), 10, 10, &[]).await;
    assert_eq!(granted.units, 4);
    // A node that never received the grant reports that nothing was spent.
    let lost = Slice { id, granted };
    counter.lease(10, 0, &[lost.closed(&[])]).await;
    assert_eq!(counter.used().await, 4);
}

pub async fn a_slice_of_a_node_that_died_counts_for_a_minute(fixture: &Fixture) {
    let counter = Counter::of(fixture);
    let slice = counter.lease(10, 10, &[]).await.granted;
    let wait = slice.ends.since(counter.handle.now()) + SECOND * 60;
    counter.handle.clock.advance(wait.saturating_sub(Duration::from_micros(1)));
    assert_eq!(counter.used().await, 10);
    counter.handle.clock.advance(SLOT);
    assert_eq!(counter.used().await, 0);
    assert_eq!(counter.lease(10, 10, &[]).await.granted.units, 10);
}

pub async fn no_slice_is_larger_than_the_room(fixture: &Fixture) {
    let counter = Counter::of(fixture);
    let mut lent = 0;
    for want in [0, 1, 7, 3, 50, 9] {
        let granted = counter.lease(30, want, &[]).await.granted;
        lent += granted.units;
        assert!(granted.units <= want && lent <= 30);
        assert_eq!(granted.used, lent);
    }
    assert_eq!(lent, 30);
}

pub async fn a_node_at_the_limit_gets_a_slice_ahead(fixture: &Fixture) {
    let counter = Counter::of(fixture);
    let first = counter.lease(10, 10, &[]).await;
    counter.lease(10, 0, &[first.closed(&[4, 0, 6])]).await;
    counter.handle.clock.advance(SECOND * 59);
    let ahead = counter.lease(10, 3, &[]).await.granted;
    assert_eq!(ahead.units, 3);
    let wait = ahead.starts.since(counter.handle.now());
    assert!(wait > SECOND && wait <= SECOND + SLOT, "{wait:?}");
    // One of the four is left then. Two are available only when others stop counting.
    let later = counter.lease(10, 2, &[]).await.granted;
    assert_eq!((later.units, later.starts), (2, ahead.starts.plus(SLOT * 2)));
    counter.handle.clock.advance(SECOND * 3);
    assert_eq!(counter.used().await, 5);
}

pub async fn a_slice_ahead_is_not_lent_twice(fixture: &Fixture) {
    let counter = Counter::of(fixture);
    let first = counter.lease(10, 10, &[]).await;
    counter.lease(10, 0, &[first.closed(&[10])]).await;
    counter.handle.clock.advance(SECOND * 59);
    let mut lent = 0;
    for _ in 0..5 {
        let granted = counter.lease(10, 4, &[]).await.granted;
        assert!(granted.units == 0 || granted.starts > counter.handle.now());
        lent += granted.units;
    }
    assert_eq!(lent, 10);
    counter.handle.clock.advance(SECOND * 2);
    assert!(!counter.limits.take(counter.key, RateLimit::new(10).unwrap()).await.unwrap().admitted);
}

pub async fn takes_and_slices_share_a_minute(fixture: &Fixture) {
    let counter = Counter::of(fixture);
    let limit = RateLimit::new(10).unwrap();
    let take = async || counter.limits.take(counter.key, limit).await.unwrap();
    assert_eq!(take().await.used, 1);
    let slice = counter.lease(10, 6, &[]).await;
    assert_eq!(slice.granted.used, 7);
    for used in [8, 9, 10] {
        let taken = take().await;
        assert_eq!((taken.admitted, taken.used), (true, used));
    }
    let refused = take().await;
    assert_eq!((refused.admitted, refused.used), (false, 10));
    assert!(refused.frees_in > SECOND * 60 && refused.frees_in <= SECOND * 61);
    counter.lease(10, 0, &[slice.closed(&[5])]).await;
    assert_eq!((take().await.admitted, take().await.admitted), (true, false));
}

pub async fn a_lowered_or_raised_limit_holds_for_the_next_slice(fixture: &Fixture) {
    let counter = Counter::of(fixture);
    let slice = counter.lease(10, 8, &[]).await;
    let lowered = counter.lease(5, 1, &[]).await.granted;
    assert_eq!((lowered.units, lowered.used), (0, 8));
    let settled = counter.lease(5, 5, &[slice.closed(&[3])]).await.granted;
    assert_eq!((settled.units, settled.used), (2, 5));
    let raised = counter.lease(100, 90, &[]).await.granted;
    assert_eq!((raised.units, raised.used), (90, 95));
}

pub async fn slices_of_keys_are_counted_apart(fixture: &Fixture) {
    let first = Counter::of(fixture);
    for _ in 0..20 {
        let counter = Counter { key: first.handle.key_id(), ..first.clone() };
        assert_eq!(counter.lease(3, 9, &[]).await.granted.units, 3);
    }
    assert_eq!(first.lease(3, 9, &[]).await.granted.units, 3);
}

pub async fn a_clock_that_is_set_back_lends_no_more_and_holds_nobody_longer(fixture: &Fixture) {
    for back in [1, 59, 62, 3_600] {
        let counter = Counter::of(fixture);
        let late = counter.handle.now();
        let slice = counter.lease(10, 4, &[]).await;
        assert_eq!(counter.lease(10, 9, &[]).await.granted.units, 6);
        counter.handle.clock.set(Timestamp::from_micros(late.as_micros() - back * 1_000_000));
        let granted = counter.lease(10, 20, &[]).await.granted;
        assert_eq!((granted.units, granted.used), (0, 10), "{back} seconds back");
        assert!(granted.frees_in <= SECOND * 64 && granted.now == counter.handle.now(), "{granted:?}");
        // A lease from before the step back is settled as usual.
        assert_eq!(counter.lease(10, 0, &[slice.closed(&[1])]).await.granted.used, 7);
        counter.handle.clock.advance(SECOND * 59);
        assert_eq!(counter.used().await, 7);
        counter.handle.clock.advance(SECOND * 5);
        assert_eq!(counter.used().await, 0, "{back} seconds back");
    }
}

pub async fn parallel_slices_never_exceed_the_limit(fixture: &Fixture) {
    const LIMIT: u32 = 100;
    let counter = Counter::of(fixture);
    for round in 0..3 {
        let mut tasks = JoinSet::new();
        for node in 0..20_u32 {
            let counter = counter.clone();
            tasks.spawn(async move {
                let (mut spent, mut done) = (0, Vec::new());
                for step in 0..6 {
                    let slice = counter.lease(LIMIT, 5 + node % 3, &done).await;
                    assert!(slice.granted.used <= LIMIT);
                    // Half of each lease is returned.
                    let now = slice.granted.units.div_ceil(2);
                    spent += now;
                    done = vec![slice.closed(&[now])];
                    if step % 2 == 0 {
                        done.push(slice.closed(&[now]));
                    }
                }
                counter.lease(LIMIT, 0, &done).await;
                spent
            });
        }
        let spent: u32 = tasks.join_all().await.iter().sum();
        assert!(spent <= LIMIT && spent > LIMIT / 2, "{spent} in round {round}");
        assert_eq!(counter.used().await, spent);
        counter.handle.clock.advance(SECOND * 64);
    }
}

pub async fn no_window_of_a_minute_holds_more_than_the_limit_over_two_nodes(fixture: &Fixture) {
    random_schedule(fixture, 2, 0x9E37_79B9).await;
}

pub async fn no_window_of_a_minute_holds_more_than_the_limit_over_four_nodes(fixture: &Fixture) {
    random_schedule(fixture, 4, 0x85EB_CA6B).await;
}

/// Nodes request, spend and return leases, lose replies and die, pseudorandomly, for ten minutes. Every window is
/// checked.
async fn random_schedule(fixture: &Fixture, nodes: usize, mut seed: u64) {
    const LIMIT: u32 = 60;
    let mut chance = |most: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % most
    };
    let counter = Counter::of(fixture);
    let mut held: Vec<Option<(Slice, ClosedLease, u32)>> = vec![None; nodes];
    let mut admitted = Vec::<Timestamp>::new();
    let end = counter.handle.now().plus(SECOND * 600);
    while counter.handle.now() < end {
        counter.handle.clock.advance(Duration::from_micros(chance(240_000)));
        let (now, node) = (counter.handle.now(), usize::try_from(chance(nodes as u64)).unwrap());
        let mine = &mut held[node];
        match (chance(12), mine.as_mut()) {
            (0, _) => *mine = None,
            (1, _) => drop(counter.lease(LIMIT, u32::try_from(chance(8)).unwrap(), &[]).await),
            (2, None) if counter.limits.take(counter.key, RateLimit::new(LIMIT).unwrap()).await.unwrap().admitted => {
                admitted.push(now);
            }
            (2..=8, Some((slice, closed, left)))
                if *left > 0 && slice.granted.starts <= now && now < slice.granted.ends =>
            {
                let units = u32::try_from(chance(u64::from(*left)) + 1).unwrap();
                *left -= units;
                closed.spent[usize::try_from(slot(now) - closed.first).unwrap()] += units;
                admitted.extend((0..units).map(|_| now));
            }
            (_, before) => {
                let done: Vec<_> = before.map(|(_, closed, _)| *closed).into_iter().collect();
                let slice = counter.lease(LIMIT, u32::try_from(chance(12)).unwrap(), &done).await;
                *mine = Some((slice, slice.closed(&[]), slice.granted.units));
            }
        }
    }
    for window in admitted.windows(LIMIT as usize + 1) {
        let length = window[LIMIT as usize].since(window[0]);
        assert!(length >= SECOND * 60, "{} in {length:?}", LIMIT + 1);
    }
    assert!(admitted.len() > 150, "hardly anything is admitted: {}", admitted.len());
}
