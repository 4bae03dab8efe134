//! Stream workers and the slots of their sessions.

use super::{
    WorkFixture,
    handle::{
        WorkHandle,
        rooms::worker,
        work::{ALMOST, MICRO, MINUTE},
    },
};
use crate::{
    NewSession, OpenSessionOutcome, Quota, QuotaExceeded, QuotaKind, QuotaOwner, SessionId, Worker, WorkerLoad,
};
use dalston_model::TenantId;
use std::time::Duration;

async fn loads(hand: &WorkHandle) -> Vec<(String, u32)> {
    hand.workers().await.into_iter().map(|it| (it.worker.id.to_string(), it.sessions)).collect()
}

pub async fn every_field_of_a_worker_survives(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let acme = hand.tenant("acme").await;
    assert_eq!(hand.workers().await, []);
    let full = Worker {
        tenant: Some(acme),
        url: "wss://[2001:db8::1]:9443/a?b='\"\\%20".to_owned(),
        models: vec!["large-v3".to_owned(), "日本 'x'".to_owned(), String::new()],
        languages: vec!["en".to_owned(), "de".to_owned()],
        ..worker("Z_9.a-b", u32::MAX)
    };
    let plain = worker("a", 1);
    assert!(hand.put(&full).await && hand.put(&plain).await);
    let lapses_at = hand.now().plus(MINUTE);
    let load = |worker| WorkerLoad { worker, sessions: 0, lapses_at };
    assert_eq!(hand.workers().await, [load(full), load(plain)], "by name");
}

pub async fn a_registration_is_recorded_when_it_is_new_or_another(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let first = worker("w", 2);
    let records = async || hand.audit().await.len();
    assert!(hand.put(&first).await);
    assert_eq!(records().await, 1);
    hand.clock.advance(ALMOST);
    assert!(hand.put(&first).await);
    assert_eq!(records().await, 1, "a heartbeat");
    assert_eq!(hand.workers().await[0].lapses_at, hand.now().plus(MINUTE));
    let moved = Worker { url: "ws://other:9/".to_owned(), ..first.clone() };
    let larger = Worker { capacity: 3, ..first.clone() };
    let named = Worker { models: vec!["base".to_owned()], ..first.clone() };
    let spoken = Worker { languages: vec!["en".to_owned()], ..first.clone() };
    for (number, other) in [moved, larger, named, spoken].into_iter().enumerate() {
        assert!(hand.put(&other).await);
        assert_eq!(records().await, number + 2);
        assert_eq!(hand.workers().await[0].worker, other);
    }
    hand.clock.advance(MINUTE);
    assert!(hand.put(&first).await);
    assert_eq!(records().await, 6, "it came back");
}

pub async fn a_worker_of_another_tenant_keeps_its_name(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let (acme, beta) = (hand.tenant("acme").await, hand.tenant("beta").await);
    let own = Worker { tenant: Some(acme), ..worker("w", 2) };
    assert!(hand.put(&own).await);
    let seq = hand.seq().await;
    for tenant in [Some(beta.clone()), None] {
        assert!(!hand.put(&Worker { tenant, capacity: 9, ..own.clone() }).await);
    }
    assert_eq!(hand.workers().await[0].worker, own);
    assert_eq!(hand.seq().await, seq);
    hand.clock.advance(MINUTE);
    let other = Worker { tenant: Some(beta), ..own };
    assert!(hand.put(&other).await, "the name is free");
    assert_eq!(hand.workers().await[0].worker, other);
}

pub async fn a_worker_lapses(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    assert!(hand.put(&worker("w", 2)).await);
    let (session, _) = hand.opened().await;
    hand.clock.advance(ALMOST);
    assert_eq!(hand.store.renew_sessions(&[session], MINUTE).await, Ok(Vec::new()));
    assert_eq!(loads(&hand).await, [("w".to_owned(), 1)]);
    hand.clock.advance(MICRO);
    assert_eq!(hand.workers().await, []);
    assert_eq!(
        hand.open(&hand.new_session(None)).await,
        OpenSessionOutcome::NoCapacity,
        "a dead worker is asked no more"
    );
    let id = "w".parse().unwrap();
    assert!(!hand.remove(&id, None).await);
    assert_eq!(hand.sessions().await, 1, "what it serves goes on");
    assert!(hand.put(&worker("w", 2)).await);
    assert_eq!(loads(&hand).await, [("w".to_owned(), 1)], "and is its load when it comes back");
}

pub async fn a_worker_is_taken_away(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let acme = hand.tenant("acme").await;
    let (all, own) = (worker("all", 1), Worker { tenant: Some(acme.clone()), ..worker("own", 1) });
    assert!(hand.put(&all).await && hand.put(&own).await);
    let (session, _) = hand.opened().await;
    let seq = hand.seq().await;
    let other = TenantId::default();
    assert!(!hand.remove(&all.id, Some(&acme)).await, "it serves others too");
    assert!(!hand.remove(&own.id, Some(&other)).await, "it serves another");
    assert!(!hand.remove(&"none".parse().unwrap(), None).await);
    assert_eq!(hand.seq().await, seq);
    assert_eq!(hand.workers().await.len(), 2);
    assert!(hand.remove(&own.id, Some(&acme)).await);
    assert!(hand.remove(&all.id, None).await);
    assert!(!hand.remove(&all.id, None).await, "once");
    assert_eq!(hand.workers().await, []);
    let removed = hand.audit().await;
    assert_eq!(removed.iter().filter(|record| record.action == "worker.removed").count(), 2);
    assert_eq!(hand.store.renew_sessions(&[session], MINUTE).await, Ok(Vec::new()), "its sessions go on");
    assert_eq!(hand.sessions().await, 1);
}

pub async fn the_least_share_is_next(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    for (id, capacity) in [("c", 4), ("a", 2), ("b", 2)] {
        assert!(hand.put(&worker(id, capacity)).await);
    }
    let mut served = Vec::new();
    for _ in 0..8 {
        served.push(hand.opened().await);
    }
    let names: Vec<&str> = served.iter().map(|(_, name)| name.as_str()).collect();
    // Fractions in use: all 0; then c has 1/4 while a and b have 1/2; then all 1/2; then c has 3/4.
    assert_eq!(names, ["a", "b", "c", "c", "a", "b", "c", "c"]);
    assert_eq!(hand.open(&hand.new_session(None)).await, OpenSessionOutcome::NoCapacity);
    assert_eq!(hand.sessions().await, 8, "and takes no place");
    assert!(hand.close(served[1].0).await);
    assert_eq!(hand.opened().await.1, "b");
    assert_eq!(loads(&hand).await, [("a".to_owned(), 2), ("b".to_owned(), 2), ("c".to_owned(), 4)]);
}

pub async fn a_large_capacity_overflows_nothing(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    for (id, capacity) in [("a", u32::MAX), ("b", u32::MAX - 1), ("c", 1)] {
        assert!(hand.put(&worker(id, capacity)).await);
    }
    let mut names = Vec::new();
    for _ in 0..5 {
        names.push(hand.opened().await.1);
    }
    // 1/(2³²-1) is less than 1/(2³²-2).
    assert_eq!(names, ["a", "b", "c", "a", "b"]);
}

pub async fn a_smaller_capacity_takes_no_slot_away(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    assert!(hand.put(&worker("w", 3)).await);
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(hand.opened().await.0);
    }
    assert!(hand.put(&worker("w", 2)).await);
    assert_eq!(hand.store.renew_sessions(&sessions, MINUTE).await, Ok(Vec::new()));
    assert!(hand.close(sessions[0]).await);
    assert_eq!(hand.open(&hand.new_session(None)).await, OpenSessionOutcome::NoCapacity);
    assert!(hand.close(sessions[1]).await);
    hand.opened().await;
}

pub async fn a_session_gets_a_worker_that_serves_it(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let acme = hand.tenant("acme").await;
    let words = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
    let workers = [
        Worker { models: words(&["large"]), ..worker("large", 9) },
        Worker { models: words(&["base", "tiny"]), languages: words(&["en", "de"]), ..worker("base", 9) },
        Worker { tenant: Some(acme.clone()), ..worker("acme", 9) },
    ];
    for worker in &workers {
        assert!(hand.put(worker).await);
    }
    let ask = |tenant: &TenantId, model: &str, language: &str| NewSession {
        tenant: tenant.clone(),
        model: model.to_owned(),
        language: language.to_owned(),
        ..hand.new_session(None)
    };
    let ours = TenantId::default();
    for (session, name) in [
        (ask(&ours, "large", "fr"), Some("large")),
        (ask(&ours, "base", "en"), Some("base")),
        (ask(&ours, "tiny", "de"), Some("base")),
        (ask(&ours, "tiny", "auto"), Some("base")),
        (ask(&ours, "base", "fr"), None),
        (ask(&ours, "other", "en"), None),
        (ask(&acme, "other", "fr"), Some("acme")),
    ] {
        let chosen = workers.iter().find(|it| Some(it.id.as_str()) == name).cloned();
        let expected = chosen.map_or(OpenSessionOutcome::NoCapacity, OpenSessionOutcome::Worker);
        assert_eq!(hand.open(&session).await, expected, "{session:?}");
    }
}

pub async fn one_of_several_tenants_has_a_share_of_a_shared_worker(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let tenants = [TenantId::default(), hand.tenant("acme").await, hand.tenant("zeta").await];
    for (capacity, shares) in [(1, [1, 0, 0]), (2, [1, 1, 0]), (3, [2, 1, 0]), (8, [4, 4, 0])] {
        let shared = worker("shared", capacity);
        assert!(hand.put(&shared).await);
        let mut open = Vec::new();
        for (tenant, share) in tenants.iter().zip(shares) {
            let ask = || NewSession { tenant: tenant.clone(), is_one_of_several: true, ..hand.new_session(None) };
            // The limit also holds for concurrent calls.
            let mut asking = tokio::task::JoinSet::new();
            for _ in 0..=capacity {
                let (store, session) = (hand.store.clone(), ask());
                asking.spawn(
                    async move { (session.id, store.open_session(&session, false, &[], MINUTE).await.unwrap()) },
                );
            }
            let mut got = asking.join_all().await;
            got.retain(|(_, opened)| *opened != OpenSessionOutcome::NoCapacity);
            assert_eq!(got.len(), share, "{tenant} of {capacity}");
            open.extend(got.into_iter().map(|(id, _)| id));
        }
        for session in open {
            assert!(hand.close(session).await);
        }
    }
    // A single tenant may use the whole capacity. So may a tenant on its own reserved worker.
    let own = Worker { tenant: Some(TenantId::default()), ..worker("own", 3) };
    assert!(hand.put(&own).await && hand.put(&worker("shared", 2)).await);
    for _ in 0..5 {
        hand.opened().await;
    }
    let ask = NewSession { is_one_of_several: true, ..hand.new_session(None) };
    assert_eq!(hand.open(&ask).await, OpenSessionOutcome::NoCapacity);
    assert!(hand.put(&Worker { capacity: 4, ..own.clone() }).await);
    assert_eq!(hand.open(&ask).await, OpenSessionOutcome::Worker(Worker { capacity: 4, ..own }));
}

pub async fn a_worker_that_could_not_be_reached_is_passed_over(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let (a, b) = (worker("a", 1), worker("b", 1));
    assert!(hand.put(&a).await && hand.put(&b).await);
    let open = async |except: &[_]| {
        let session = hand.new_session(None);
        hand.store.open_session(&session, false, except, MINUTE).await.unwrap()
    };
    assert_eq!(open(&[a.id.clone(), b.id.clone()]).await, OpenSessionOutcome::NoCapacity);
    assert_eq!(open(std::slice::from_ref(&a.id)).await, OpenSessionOutcome::Worker(b));
    assert_eq!(open(std::slice::from_ref(&a.id)).await, OpenSessionOutcome::NoCapacity);
    assert_eq!(open(&["other".parse().unwrap()]).await, OpenSessionOutcome::Worker(a));
}

pub async fn the_nodes_own_worker_comes_last(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let open = async |own| {
        let session = hand.new_session(None);
        (session.id, hand.store.open_session(&session, own, &[], MINUTE).await.unwrap())
    };
    assert_eq!(open(false).await.1, OpenSessionOutcome::NoCapacity);
    assert_eq!(open(true).await.1, OpenSessionOutcome::Own, "where there is no other");
    assert!(hand.put(&worker("w", 1)).await);
    let (session, opened) = open(true).await;
    assert_eq!(opened, OpenSessionOutcome::Worker(worker("w", 1)));
    assert_eq!(open(true).await.1, OpenSessionOutcome::Own, "where no other has room");
    assert_eq!(open(false).await.1, OpenSessionOutcome::NoCapacity);
    assert_eq!(loads(&hand).await, [("w".to_owned(), 1)], "it is no load of another");
    assert_eq!(hand.sessions().await, 3);
    assert!(hand.close(session).await);
    assert_eq!(open(true).await.1, OpenSessionOutcome::Worker(worker("w", 1)));
}

pub async fn a_session_lapses_and_frees_its_slot(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    assert!(hand.put(&worker("w", 1)).await);
    let (session, _) = hand.opened().await;
    hand.clock.advance(ALMOST);
    assert!(hand.put(&worker("w", 1)).await);
    assert_eq!(hand.open(&hand.new_session(None)).await, OpenSessionOutcome::NoCapacity);
    assert_eq!(hand.store.renew_sessions(&[session], MINUTE).await, Ok(Vec::new()));
    hand.clock.advance(ALMOST);
    assert_eq!((hand.sessions().await, loads(&hand).await), (1, vec![("w".to_owned(), 1)]), "prolonged");
    hand.clock.advance(MICRO);
    assert!(hand.put(&worker("w", 1)).await);
    assert_eq!((hand.sessions().await, loads(&hand).await), (0, vec![("w".to_owned(), 0)]));
    let (next, _) = hand.opened().await;
    assert_eq!(hand.store.renew_sessions(&[session, next], MINUTE).await, Ok(vec![session]), "it is not there");
    assert!(!hand.close(session).await);
    assert_eq!(hand.sessions().await, 1, "another's slot is not freed");
}

pub async fn sessions_are_renewed_together(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    assert!(hand.put(&worker("w", 9)).await);
    assert_eq!(hand.store.renew_sessions(&[], MINUTE).await, Ok(Vec::new()));
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.push(hand.opened().await.0);
    }
    assert!(hand.close(sessions[1]).await);
    let stranger = hand.new_session(None).id;
    let asked = [&sessions[..], &[stranger]].concat();
    let mut lost = hand.store.renew_sessions(&asked, MINUTE * 2).await.unwrap();
    lost.sort();
    let mut expected = vec![sessions[1], stranger];
    expected.sort();
    assert_eq!(lost, expected);
    hand.clock.advance(MINUTE + ALMOST);
    assert_eq!(hand.sessions().await, 3);
    hand.clock.advance(MICRO);
    assert_eq!(hand.sessions().await, 0);
}

pub async fn closing_again_is_the_same(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    assert!(hand.put(&worker("w", 2)).await);
    let seq = hand.seq().await;
    let ((one, _), (two, _)) = (hand.opened().await, hand.opened().await);
    assert!(hand.close(one).await);
    for _ in 0..3 {
        assert!(!hand.close(one).await);
    }
    assert_eq!(loads(&hand).await, [("w".to_owned(), 1)], "one slot for one session");
    assert!(hand.close(two).await);
    assert!(!hand.close(hand.new_session(None).id).await);
    assert_eq!((hand.sessions().await, loads(&hand).await), (0, vec![("w".to_owned(), 0)]));
    assert_eq!(hand.seq().await, seq, "sessions are no changes");
}

pub async fn no_more_streams_are_open_than_allowed(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let (key, other) = (hand.key().await.key.id, hand.key().await.key.id);
    let streams = |most| Quota::default().with(QuotaKind::Streams, Some(most));
    hand.limit(&QuotaOwner::Key(TenantId::default(), key), streams(2)).await;
    hand.limit(&QuotaOwner::Tenant(TenantId::default()), streams(3)).await;
    assert!(hand.put(&worker("w", 9)).await);
    let full = |of_key, most| OpenSessionOutcome::Excess(QuotaExceeded { limit: QuotaKind::Streams, of_key, most });
    let open = async |key| {
        let session = hand.new_session(key);
        // Sessions of the node's built-in worker count too.
        (session.id, hand.store.open_session(&session, true, &[], MINUTE).await.unwrap())
    };
    let room = OpenSessionOutcome::Worker(worker("w", 9));
    let mut ids: Vec<SessionId> = Vec::new();
    for _ in 0..2 {
        let (id, opened) = open(Some(key)).await;
        assert_eq!(opened, room);
        ids.push(id);
    }
    assert_eq!(open(Some(key)).await.1, full(true, 2));
    assert_eq!(open(Some(other)).await.1, room);
    assert_eq!(open(Some(other)).await.1, full(false, 3));
    assert_eq!(open(None).await.1, full(false, 3));
    assert_eq!(open(Some(key)).await.1, full(true, 2), "the key's is asked first");
    assert_eq!(loads(&hand).await, [("w".to_owned(), 3)]);
    assert!(hand.close(ids[0]).await);
    assert_eq!(open(None).await.1, room, "a place is free");
    // When the sessions of a dead gateway expire, they free the places of their tenant and keys.
    hand.clock.advance(MINUTE);
    assert!(hand.put(&worker("w", 9)).await);
    for key in [Some(key), Some(key), None] {
        assert_eq!(open(key).await.1, room);
    }
    assert_eq!(open(Some(key)).await.1, full(true, 2));
}

pub async fn sessions_are_counted_by_tenant(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let acme = hand.tenant("acme").await;
    assert!(hand.put(&worker("w", 9)).await);
    hand.opened().await;
    hand.opened().await;
    let theirs = NewSession { tenant: acme.clone(), ..hand.new_session(None) };
    assert_eq!(hand.open(&theirs).await, OpenSessionOutcome::Worker(worker("w", 9)));
    assert_eq!(hand.sessions().await, 2);
    assert_eq!(hand.store.session_count(&acme).await, Ok(1));
    hand.clock.advance(Duration::from_mins(1));
    assert_eq!(hand.store.session_count(&acme).await, Ok(0));
}
