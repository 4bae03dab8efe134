//! Pages of audit records: newest first, filtered by the query.

use super::{Fixture, handle::StoreHandle};
use crate::AuditQuery;
use dalston_model::{Action, Actor, AuditEntry, AuditRecord, Door, KeyAction, Source, Target, TenantId, Timestamp};
use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

fn query(limit: u32) -> AuditQuery {
    AuditQuery { limit, ..AuditQuery::default() }
}

/// Appends records of two tenants, three actors and three actions, one second apart.
async fn population(handle: &StoreHandle) -> ([TenantId; 2], [Actor; 3], [Action; 3]) {
    let tenants = [TenantId::default(), "acme".parse().unwrap()];
    let actors = [Actor::Master, Actor::Key(handle.key_id()), Actor::ChatAdmin(-5)];
    let actions = [KeyAction::MASTER_USED, Action::new("service.own"), KeyAction::SECRET_CLAIMED];
    for number in 0..36 {
        let (tenant, actor, action) = (&tenants[number % 2], actors[number / 2 % 3], actions[number / 6 % 3]);
        let source = Source { actor, door: Door::Chat, address: None, request_id: None };
        let entry = AuditEntry { source, ..handle.entry(action, tenant, Target::tenant(tenant)) };
        handle.store.record(&entry).await.unwrap();
        handle.clock.advance(Duration::from_secs(1));
    }
    (tenants, actors, actions)
}

/// All pages of a query.
async fn walk(handle: &StoreHandle, query: &AuditQuery) -> Vec<AuditRecord> {
    let (mut all, mut query) = (Vec::new(), query.clone());
    loop {
        let page = handle.store.audit(&query).await.unwrap();
        assert!(page.records.len() <= query.limit as usize);
        all.extend(page.records);
        let Some(next) = page.next else { return all };
        assert!(query.before.is_none_or(|before| next < before), "it gets on");
        query.before = Some(next);
    }
}

pub async fn an_empty_record_has_one_empty_page(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let page = handle.store.audit(&query(10)).await.unwrap();
    assert_eq!((page.records, page.next), (Vec::new(), None));
}

pub async fn audit_pages_are_newest_first(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    population(&handle).await;
    let mut all = handle.audit().await;
    all.reverse();
    let page = handle.store.audit(&query(10)).await.unwrap();
    assert_eq!((&page.records[..], page.next), (&all[..10], Some(27)));
    let page = handle.store.audit(&AuditQuery { before: page.next, ..query(26) }).await.unwrap();
    assert_eq!((&page.records[..], page.next), (&all[10..], None), "as many as there are");
    let page = handle.store.audit(&AuditQuery { before: Some(1), ..query(10) }).await.unwrap();
    assert_eq!((page.records, page.next), (Vec::new(), None));
    let page = handle.store.audit(&AuditQuery { before: Some(u64::MAX), ..query(100) }).await.unwrap();
    assert_eq!((page.records, page.next), (all, None));
}

pub async fn audit_filters_hold_alone_and_together(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let (tenants, actors, actions) = population(&handle).await;
    let mut all = handle.audit().await;
    all.reverse();
    let nobody = [Actor::ChatGuest(-5), Actor::ChatAdmin(5), Actor::Operator, Actor::Key(handle.key_id())];
    let (early, late) = (all[30].time, all[5].time);
    let between = Timestamp::from_micros(early.as_micros() + 1);
    let tenants = tenants.iter().cloned().map(Some).chain([None, Some("nobody".parse().unwrap())]);
    let (mut asked, mut most) = (0, 0);
    for tenant in tenants {
        for actor in actors.iter().chain(&nobody).copied().map(Some).chain([None]) {
            for action in actions.iter().copied().map(Some).chain([None, Some(KeyAction::KEY_REVOKED)]) {
                for (since, until) in
                    [(None, None), (Some(early), None), (Some(between), Some(late)), (None, Some(late))]
                {
                    let query =
                        AuditQuery { tenant: tenant.clone(), actor, action, since, until, before: None, limit: 4 };
                    let expected: Vec<_> = all.iter().filter(|record| query.asks_for(record)).cloned().collect();
                    assert_eq!(walk(&handle, &query).await, expected, "{query:?}");
                    asked += 1;
                    most = most.max(expected.len());
                }
            }
        }
    }
    assert_eq!((asked, most), (4 * 8 * 5 * 4, 36));
}

pub async fn since_is_among_them_and_until_is_not(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    population(&handle).await;
    let all = handle.audit().await;
    let query = AuditQuery { since: Some(all[10].time), until: Some(all[12].time), ..query(10) };
    let page = handle.store.audit(&query).await.unwrap();
    assert_eq!((page.records, page.next), (vec![all[11].clone(), all[10].clone()], None));
}

pub async fn the_audit_of_a_tenant_shows_no_other(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    population(&handle).await;
    for id in ["a", "ac", "acme-1", "nobody"] {
        let of = AuditQuery { tenant: Some(id.parse().unwrap()), ..query(100) };
        assert_eq!(walk(&handle, &of).await, []);
    }
    let of = AuditQuery { tenant: Some("acme".parse().unwrap()), ..query(5) };
    let seen = walk(&handle, &of).await;
    assert_eq!(seen.len(), 18);
    assert!(seen.iter().all(|record| record.tenant_id == "acme"));
}

pub async fn audit_pages_neither_repeat_nor_skip_while_records_are_added(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    population(&handle).await;
    let before: HashSet<u64> = handle.audit().await.iter().map(|record| record.seq).collect();
    let ended = Arc::new(AtomicBool::new(false));
    let added = tokio::spawn({
        let (handle, ended) = (handle.clone(), ended.clone());
        async move {
            for _ in 0..4 {
                population(&handle).await;
            }
            ended.store(true, Ordering::SeqCst);
        }
    });
    let mut walks = 0;
    while walks < 3 || !ended.load(Ordering::SeqCst) {
        let seen: Vec<u64> = walk(&handle, &query(5)).await.iter().map(|record| record.seq).collect();
        assert!(seen.is_sorted_by(|one, two| one > two), "a record twice");
        let whole: HashSet<u64> = seen.iter().copied().collect();
        assert!(whole.is_superset(&before), "a record never");
        assert_eq!(Some(seen.len() as u64), seen.first().copied(), "none between is missing");
        walks += 1;
    }
    added.await.unwrap();
    assert_eq!(walk(&handle, &query(7)).await.len(), 180);
}
