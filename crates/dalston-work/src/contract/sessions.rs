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

async fn loads(handle: &WorkHandle) -> Vec<(String, u32)> {
    handle.workers().await.into_iter().map(|it| (it.worker.id.to_string(), it.sessions)).collect()
}

pub async fn every_field_of_a_worker_survives(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let acme = handle.tenant("acme").await;
    assert_eq!(handle.workers().await, []);
    let full = Worker {
        tenant: Some(acme),
        url: "wss://[2001:db8::1]:9443/a?b='\"\\%20".to_owned(),
        models: vec!["large-v3".to_owned(), "日本 'x'".to_owned(), String::new()],
        languages: vec!["en".to_owned(), "de".to_owned()],
        ..worker("Z_9.a-b", u32::MAX)
    };
    let plain = worker("a", 1);
    assert!(handle.put(&full).await && handle.put(&plain).await);
    let lapses_at = handle.now().plus(MINUTE);
    let load = |worker| WorkerLoad { worker, sessions: 0, lapses_at };
    assert_eq!(handle.workers().await, [load(full), load(plain)], "by name");
}

pub async fn a_registration_is_recorded_when_it_is_new_or_another(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let first = worker("w", 2);
    let records = async || handle.audit().await.len();
    assert!(handle.put(&first).await);
    assert_eq!(records().await, 1);
    handle.clock.advance(ALMOST);
    assert!(handle.put(&first).await);
    assert_eq!(records().await, 1, "a heartbeat");
    assert_eq!(handle.workers().await[0].lapses_at, handle.now().plus(MINUTE));
    let moved = Worker { url: "ws://other:9/".to_owned(), ..first.clone() };
    let larger = Worker { capacity: 3, ..first.clone() };
    let named = Worker { models: vec!["base".to_owned()], ..first.clone() };
    let spoken = Worker { languages: vec!["en".to_owned()], ..first.clone() };
    for (number, other) in [moved, larger, named, spoken].into_iter().enumerate() {
        assert!(handle.put(&other).await);
        assert_eq!(records().await, number + 2);
        assert_eq!(handle.workers().await[0].worker, other);
    }
    handle.clock.advance(MINUTE);
    assert!(handle.put(&first).await);
    assert_eq!(records().await, 6, "it came back");
}

pub async fn a_worker_of_another_tenant_keeps_its_name(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let (acme, beta) = (handle.tenant("acme").await, handle.tenant("beta").await);
    let own = Worker { tenant: Some(acme), ..worker("w", 2) };
    assert!(handle.put(&own).await);
    let seq = handle.seq().await;
    for tenant in [Some(beta.clone()), None] {
        assert!(!handle.put(&Worker { tenant, capacity: 9, ..own.clone() }).await);
    }
    assert_eq!(handle.workers().await[0].worker, own);
    assert_eq!(handle.seq().await, seq);
    handle.clock.advance(MINUTE);
    let other = Worker { tenant: Some(beta), ..own };
    assert!(handle.put(&other).await, "the name is free");
    assert_eq!(handle.workers().await[0].worker, other);
}

pub async fn a_worker_lapses(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    assert!(handle.put(&worker("w", 2)).await);
    let (session, _) = handle.opened().await;
    handle.clock.advance(ALMOST);
    assert_eq!(handle.store.renew_sessions(&[session], MINUTE).await, Ok(Vec::new()));
    assert_eq!(loads(&handle).await, [("w".to_owned(), 1)]);
    handle.clock.advance(MICRO);
    assert_eq!(handle.workers().await, []);
    assert_eq!(
        handle.open(&handle.new_session(None)).await,
        OpenSessionOutcome::NoCapacity,
        "a dead worker is asked no more"
    );
    let id = "w".parse().unwrap();
    assert!(!handle.remove(&id, None).await);
    assert_eq!(handle.sessions().await, 1, "what it serves goes on");
    assert!(handle.put(&worker("w", 2)).await);
    assert_eq!(loads(&handle).await, [("w".to_owned(), 1)], "and is its load when it comes back");
}

pub async fn a_worker_is_taken_away(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let acme = handle.tenant("acme").await;
    let (all, own) = (worker("all", 1), Worker { tenant: Some(acme.clone()), ..worker("own", 1) });
    assert!(handle.put(&all).await && handle.put(&own).await);
    let (session, _) = handle.opened().await;
    let seq = handle.seq().await;
    let other = TenantId::default();
    assert!(!handle.remove(&all.id, Some(&acme)).await, "it serves others too");
    assert!(!handle.remove(&own.id, Some(&other)).await, "it serves another");
    assert!(!handle.remove(&"none".parse().unwrap(), None).await);
    assert_eq!(handle.seq().await, seq);
    assert_eq!(handle.workers().await.len(), 2);
    assert!(handle.remove(&own.id, Some(&acme)).await);
    assert!(handle.remove(&all.id, None).await);
    assert!(!handle.remove(&all.id, None).await, "once");
    assert_eq!(handle.workers().await, []);
    let removed = handle.audit().await;
    assert_eq!(removed.iter().filter(|record| record.action == "worker.removed").count(), 2);
    assert_eq!(handle.store.renew_sessions(&[session], MINUTE).await, Ok(Vec::new()), "its sessions go on");
    assert_eq!(handle.sessions().await, 1);
}

pub async fn the_least_share_is_next(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    for (id, capacity) in [("c", 4), ("a", 2), ("b", 2)] {
        assert!(handle.put(&worker(id, capacity)).await);
    }
    let mut served = Vec::new();
    for _ in 0..8 {
        served.push(handle.opened().await);
    }
    let names: Vec<&str> = served.iter().map(|(_, name)| name.as_str()).collect();
    // Fractions in use: all 0; then c has 1/4 while a and b have 1/2; then all 1/2; then c has 3/4.
    assert_eq!(names, ["a", "b", "c", "c", "a", "b", "c", "c"]);
    assert_eq!(handle.open(&handle.new_session(None)).await, OpenSessionOutcome::NoCapacity);
    assert_eq!(handle.sessions().await, 8, "and takes no place");
    assert!(handle.close(served[1].0).await);
    assert_eq!(handle.opened().await.1, "b");
    assert_eq!(loads(&handle).await, [("a".to_owned(), 2), ("b".to_owned(), 2), ("c".to_owned(), 4)]);
}

pub async fn a_large_capacity_overflows_nothing(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    for (id, capacity) in [("a", u32::MAX), ("b", u32::MAX - 1), ("c", 1)] {
        assert!(handle.put(&worker(id, capacity)).await);
    }
    let mut names = Vec::new();
    for _ in 0..5 {
        names.push(handle.opened().await.1);
    }
    // 1/(2³²-1) is less than 1/(2³²-2).
    assert_eq!(names, ["a", "b", "c", "a", "b"]);
}

pub async fn a_smaller_capacity_takes_no_slot_away(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    assert!(handle.put(&worker("w", 3)).await);
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(handle.opened().await.0);
    }
    assert!(handle.put(&worker("w", 2)).await);
    assert_eq!(handle.store.renew_sessions(&sessions, MINUTE).await, Ok(Vec::new()));
    assert!(handle.close(sessions[0]).await);
    assert_eq!(handle.open(&handle.new_session(None)).await, OpenSessionOutcome::NoCapacity);
    assert!(handle.close(sessions[1]).await);
    handle.opened().await;
}

pub async fn a_session_gets_a_worker_that_serves_it(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let acme = handle.tenant("acme").await;
    let words = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
    let workers = [
        Worker { models: words(&["large"]), ..worker("large", 9) },
        Worker { models: words(&["base", "tiny"]), languages: words(&["en", "de"]), ..worker("base", 9) },
        Worker { tenant: Some(acme.clone()), ..worker("acme", 9) },
    ];
    for worker in &workers {
        assert!(handle.put(worker).await);
    }
    let ask = |tenant: &TenantId, model: &str, language: &str| NewSession {
        tenant: tenant.clone(),
        model: model.to_owned(),
        language: language.to_owned(),
        ..handle.new_session(None)
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
        assert_eq!(handle.open(&session).await, expected, "{session:?}");
    }
}

pub async fn one_of_several_tenants_has_a_share_of_a_shared_worker(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let tenants = [TenantId::default(), handle.tenant("acme").await, handle.tenant("zeta").await];
    for (capacity, shares) in [(1, [1, 0, 0]), (2, [1, 1, 0]), (3, [2, 1, 0]), (8, [4, 4, 0])] {
        let shared = worker("shared", capacity);
        assert!(handle.put(&shared).await);
        let mut open = Vec::new();
        for (tenant, share) in tenants.iter().zip(shares) {
            let ask = || NewSession { tenant: tenant.clone(), is_one_of_several: true, ..handle.new_session(None) };
            // The limit also holds for concurrent calls.
            let mut asking = tokio::task::JoinSet::new();
            for _ in 0..=capacity {
                let (store, session) = (handle.store.clone(), ask());
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
            assert!(handle.close(session).await);
        }
    }
    // A single tenant may use the whole capacity. So may a tenant on its own reserved worker.
    let own = Worker { tenant: Some(TenantId::default()), ..worker("own", 3) };
    assert!(handle.put(&own).await && handle.put(&worker("shared", 2)).await);
    for _ in 0..5 {
        handle.opened().await;
    }
    let ask = NewSession { is_one_of_several: true, ..handle.new_session(None) };
    assert_eq!(handle.open(&ask).await, OpenSessionOutcome::NoCapacity);
    assert!(handle.put(&Worker { capacity: 4, ..own.clone() }).await);
    assert_eq!(handle.open(&ask).await, OpenSessionOutcome::Worker(Worker { capacity: 4, ..own }));
}

pub async fn a_worker_that_could_not_be_reached_is_passed_over(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let (a, b) = (worker("a", 1), worker("b", 1));
    assert!(handle.put(&a).await && handle.put(&b).await);
    let open = async |except: &[_]| {
        let session = handle.new_session(None);
        handle.store.open_session(&session, false, except, MINUTE).await.unwrap()
    };
    assert_eq!(open(&[a.id.clone(), b.id.clone()]).await, OpenSessionOutcome::NoCapacity);
    assert_eq!(open(std::slice::from_ref(&a.id)).await, OpenSessionOutcome::Worker(b));
    assert_eq!(open(std::slice::from_ref(&a.id)).await, OpenSessionOutcome::NoCapacity);
    assert_eq!(open(&["other".parse().unwrap()]).await, OpenSessionOutcome::Worker(a));
}

pub async fn the_nodes_own_worker_comes_last(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let open = async |own| {
        let session = handle.new_session(None);
        (session.id, handle.store.open_session(&session, own, &[], MINUTE).await.unwrap())
    };
    assert_eq!(open(false).await.1, OpenSessionOutcome::NoCapacity);
    assert_eq!(open(true).await.1, OpenSessionOutcome::Own, "where there is no other");
    assert!(handle.put(&worker("w", 1)).await);
    let (session, opened) = open(true).await;
    assert_eq!(opened, OpenSessionOutcome::Worker(worker("w", 1)));
    assert_eq!(open(true).await.1, OpenSessionOutcome::Own, "where no other has room");
    assert_eq!(open(false).await.1, OpenSessionOutcome::NoCapacity);
    assert_eq!(loads(&handle).await, [("w".to_owned(), 1)], "it is no load of another");
    assert_eq!(handle.sessions().await, 3);
    assert!(handle.close(session).await);
    assert_eq!(open(true).await.1, OpenSessionOutcome::Worker(worker("w", 1)));
}

pub async fn a_session_lapses_and_frees_its_slot(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    assert!(handle.put(&worker("w", 1)).await);
    let (session, _) = handle.opened().await;
    handle.clock.advance(ALMOST);
    assert!(handle.put(&worker("w", 1)).await);
    assert_eq!(handle.open(&handle.new_session(None)).await, OpenSessionOutcome::NoCapacity);
    assert_eq!(handle.store.renew_sessions(&[session], MINUTE).await, Ok(Vec::new()));
    handle.clock.advance(ALMOST);
    assert_eq!((handle.sessions().await, loads(&handle).await), (1, vec![("w".to_owned(), 1)]), "prolonged");
    handle.clock.advance(MICRO);
    assert!(handle.put(&worker("w", 1)).await);
    assert_eq!((handle.sessions().await, loads(&handle).await), (0, vec![("w".to_owned(), 0)]));
    let (next, _) = handle.opened().await;
    assert_eq!(handle.store.renew_sessions(&[session, next], MINUTE).await, Ok(vec![session]), "it is not there");
    assert!(!handle.close(session).await);
    assert_eq!(handle.sessions().await, 1, "another's slot is not freed");
}

pub async fn sessions_are_renewed_together(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    assert!(handle.put(&worker("w", 9)).await);
    assert_eq!(handle.store.renew_sessions(&[], MINUTE).await, Ok(Vec::new()));
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.push(handle.opened().await.0);
    }
    assert!(handle.close(sessions[1]).await);
    let stranger = handle.new_session(None).id;
    let asked = [&sessions[..], &[stranger]].concat();
    let mut lost = handle.store.renew_sessions(&asked, MINUTE * 2).await.unwrap();
    lost.sort();
    let mut expected = vec![sessions[1], stranger];
    expected.sort();
    assert_eq!(lost, expected);
    handle.clock.advance(MINUTE + ALMOST);
    assert_eq!(handle.sessions().await, 3);
    handle.clock.advance(MICRO);
    assert_eq!(handle.sessions().await, 0);
}

pub async fn closing_again_is_the_same(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    assert!(handle.put(&worker("w", 2)).await);
    let seq = handle.seq().await;
    let ((one, _), (two, _)) = (handle.opened().await, handle.opened().await);
    assert!(handle.close(one).await);
    for _ in 0..3 {
        assert!(!handle.close(one).await);
    }
    assert_eq!(loads(&handle).await, [("w".to_owned(), 1)], "one slot for one session");
    assert!(handle.close(two).await);
    assert!(!handle.close(handle.new_session(None).id).await);
    assert_eq!((handle.sessions().await, loads(&handle).await), (0, vec![("w".to_owned(), 0)]));
    assert_eq!(handle.seq().await, seq, "sessions are no changes");
}

pub async fn no_more_streams_are_open_than_allowed(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let (key, other) = (handle.key().await.key.id, handle.key().await.key.id);
    let streams = |most| Quota::default().with(QuotaKind::Streams, Some(most));
    handle.limit(&QuotaOwner::Key(TenantId::default(), key), streams(2)).await;
    handle.limit(&QuotaOwner::Tenant(TenantId::default()), streams(3)).await;
    assert!(handle.put(&worker("w", 9)).await);
    let full = |of_key, most| OpenSessionOutcome::Excess(QuotaExceeded { limit: QuotaKind::Streams, of_key, most });
    let open = async |key| {
        let session = handle.new_session(key);
        // Sessions of the node's built-in worker count too.
        (session.id, handle.store.open_session(&session, true, &[], MINUTE).await.unwrap())
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
    assert_eq!(loads(&handle).await, [("w".to_owned(), 3)]);
    assert!(handle.close(ids[0]).await);
    assert_eq!(open(None).await.1, room, "a place is free");
    // When the sessions of a dead gateway expire, they free the places of their tenant and keys.
    handle.clock.advance(MINUTE);
    assert!(handle.put(&worker("w", 9)).await);
    for key in [Some(key), Some(key), None] {
        assert_eq!(open(key).await.1, room);
    }
    assert_eq!(open(Some(key)).await.1, full(true, 2));
}

pub async fn sessions_are_counted_by_tenant(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let acme = handle.tenant("acme").await;
    assert!(handle.put(&worker("w", 9)).await);
    handle.opened().await;
    handle.opened().await;
    let theirs = NewSession { tenant: acme.clone(), ..handle.new_session(None) };
    assert_eq!(handle.open(&theirs).await, OpenSessionOutcome::Worker(worker("w", 9)));
    assert_eq!(handle.sessions().await, 2);
    assert_eq!(handle.store.session_count(&acme).await, Ok(1));
    handle.clock.advance(Duration::from_mins(1));
    assert_eq!(handle.store.session_count(&acme).await, Ok(0));
}
