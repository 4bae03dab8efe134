//! What only Redis must do with what it holds: links that the server makes, records and keys of earlier versions.

use dalston_model::{
    Actor, AuditEntry, AuditHash, AuditRecord, Day, Door, Key, KeyAction, KeyDigest, KeyId, KeyScopes, ManualClock,
    Metadata, NodeId, OsEntropy, RefusedRequests, Source, Target, TenantId, Timestamp, UsageDelta, UsageStep,
};
use dalston_store::{
    AuditQuery, FeedStore, InsertKeyOutcome, KeyStats, KeyStorage, KeyStore, KeyToInsert, KvStore, PoolStats,
    UsageStore,
};
use dalston_store_redis::{RedisOptions, RedisStore};
use kit::{patience::PATIENCE, servers::redis_url};
use redis::{FromRedisValue, aio::MultiplexedConnection};
use serde_json::json;
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);

/// A store, and a connection of one's own to its database.
async fn both() -> (RedisStore, MultiplexedConnection) {
    let url = redis_url();
    let client = redis::Client::open(url.clone()).unwrap();
    let options = RedisOptions { url, deadline: PATIENCE, connections: 4, allow_volatile: false };
    let store = RedisStore::connect(&options, Some(ManualClock::new(NOW))).await.unwrap();
    (store, client.get_multiplexed_async_connection().await.unwrap())
}

async fn ask<T: FromRedisValue>(connection: &mut MultiplexedConnection, words: &[&str]) -> T {
    redis::cmd(words[0]).arg(&words[1..]).query_async(connection).await.unwrap()
}

/// The first step of a node that just began.
fn step() -> UsageStep {
    UsageStep { node: NodeId::new(NOW, &OsEntropy).unwrap(), number: 1 }
}

fn entry() -> AuditEntry {
    let tenant = TenantId::default();
    let source = Source { actor: Actor::Master, door: Door::Cli, address: None, request_id: None };
    let target = Target::tenant(&tenant);
    AuditEntry { time: NOW, tenant, source, action: KeyAction::MASTER_USED, target, detail: json!({}) }
}

/// The numbers that a walk finds, and where its pages ended.
async fn walk(store: &RedisStore, mut query: AuditQuery) -> (Vec<u64>, Vec<u64>) {
    let (mut found, mut ends) = (Vec::new(), Vec::new());
    loop {
        let page = store.audit(&query).await.unwrap();
        found.extend(page.records.iter().map(|record| record.seq));
        let Some(next) = page.next else { return (found, ends) };
        query.before = Some(next);
        ends.push(next);
    }
}

#[tokio::test]
async fn a_large_number_is_linked_as_it_is() {
    let (store, mut connection) = both().await;
    let mut previous = AuditHash::START;
    for before in [0, 255, 0x7fff_ffff, 0xffff_fffe, 0xffff_ffff, 0x0012_3456_89ab_cdef] {
        ask::<String>(&mut connection, &["SET", "dalston:seq", &before.to_string()]).await;
        assert_eq!(store.record(&entry()).await, Ok(before + 1));
        let record = store.audit_after(before, 1).await.unwrap().remove(0);
        assert_eq!(record.hash, Some(record.link(previous)), "{before}");
        previous = record.link(previous);
    }
}

#[tokio::test]
async fn no_page_looks_at_more_records_than_it_may() {
    let (store, mut connection) = both().await;
    let json = |action| {
        let record = AuditRecord::new(0, &AuditEntry { action, ..entry() });
        serde_json::to_string(&record).unwrap()
    };
    let rows = "for n = 1, 5000 do \
        local rare = n % 2400 == 1 \
        local marks = {'actor', 'master', 'action', rare and 'key.created' or 'key.updated', 'time', '0'} \
        redis.call('XADD', 'dalston:audit', n .. '-0', 'record', ARGV[rare and 1 or 2], unpack(marks)) \
        redis.call('XADD', 'dalston:audit:default', n .. '-0', unpack(marks)) end \
        redis.call('HSET', 'dalston:chain', 'first', 1) return 'made'";
    let (created, updated) = (json(KeyAction::KEY_CREATED), json(KeyAction::KEY_UPDATED));
    ask::<String>(&mut connection, &["EVAL", rows, "0", &created, &updated]).await;
    for tenant in [None, Some(TenantId::default())] {
        let query = AuditQuery { tenant, action: Some(KeyAction::KEY_CREATED), limit: 10, ..AuditQuery::default() };
        assert_eq!(walk(&store, query).await, (vec![4_801, 2_401, 1], vec![3_001, 1_001]));
    }
}

#[tokio::test]
async fn records_from_before_the_chain_stay_and_it_begins_behind_them() {
    let (store, mut connection) = both().await;
    for number in 1..=30 {
        let tenant: TenantId = if number % 10 == 0 { "acme" } else { "default" }.parse().unwrap();
        let old = AuditRecord::new(0, &AuditEntry { tenant, ..entry() });
        let json = serde_json::to_string(&old).unwrap();
        ask::<String>(&mut connection, &["XADD", "dalston:audit", &format!("{number}-0"), "record", &json]).await;
    }
    ask::<String>(&mut connection, &["SET", "dalston:seq", "30"]).await;
    let of_acme = AuditQuery { tenant: Some("acme".parse().unwrap()), limit: 5, ..AuditQuery::default() };
    assert_eq!(walk(&store, of_acme.clone()).await.0, [30, 20, 10]);
    let new = AuditEntry { tenant: "acme".parse().unwrap(), ..entry() };
    assert_eq!(store.record(&new).await, Ok(31));
    assert_eq!(store.record(&entry()).await, Ok(32));
    assert_eq!(store.record(&new).await, Ok(33));
    let records = store.audit_after(29, 10).await.unwrap();
    assert_eq!(records[0].hash, None);
    let first = records[1].link(AuditHash::START);
    assert_eq!((records[1].hash, records[2].hash), (Some(first), Some(records[2].link(first))));
    let (found, ends) = walk(&store, of_acme).await;
    assert_eq!((&found[..], ends[0]), (&[33, 31, 30, 20, 10][..], 31));
    let all = walk(&store, AuditQuery { limit: 7, ..AuditQuery::default() }).await.0;
    assert_eq!(all, (1..=33).rev().collect::<Vec<u64>>());
}

#[tokio::test]
async fn keys_of_an_earlier_version_are_filed_when_they_are_counted() {
    let (store, mut connection) = both().await;
    let tenant = TenantId::default();
    let mut ids = Vec::new();
    for number in 0..3 {
        let id = KeyId::new(NOW, &OsEntropy).unwrap();
        let key = Key {
            id,
            tenant: tenant.clone(),
            prefix: "dk_0123456".to_owned(),
            name: "old".parse().unwrap(),
            description: None,
            scopes: KeyScopes::DEFAULT,
            rate_limit: None,
            enabled: number > 0,
            created_at: NOW,
            created_by: None,
            expires_at: (number == 1).then(|| NOW.plus(Duration::from_hours(1))),
            revoked_at: None,
            metadata: Metadata::default(),
        };
        let new = KeyToInsert { key, digest: KeyDigest::new([number; 32]) };
        assert_eq!(store.insert_key(&new, None, &entry()).await, Ok(InsertKeyOutcome::Inserted));
        ids.push(id);
    }
    let delta = |key| UsageDelta {
        key,
        day: Day::of(NOW),
        admitted: 1,
        refused: RefusedRequests::default(),
        last_used: Some((NOW, None)),
    };
    store.add_usage(step(), &[delta(ids[0])]).await.unwrap();
    let expected = KeyStats { active: 2, expiring: 1, used_last_hour: 1, used_last_day: 1, ..KeyStats::default() };
    assert_eq!(store.key_stats(&tenant, NOW).await, Ok(expected));
    for index in ["open", "idle", "used"] {
        assert_eq!(ask::<u8>(&mut connection, &["DEL", &format!("dalston:keys:{index}:default")]).await, 1);
    }
    for id in &ids {
        assert_eq!(ask::<u8>(&mut connection, &["HDEL", &format!("dalston:keys:{id}"), "tenant"]).await, 1);
    }
    store.add_usage(step(), &[delta(ids[1])]).await.unwrap();
    let expected = KeyStats { used_last_hour: 2, used_last_day: 2, ..expected };
    assert_eq!(store.key_stats(&tenant, NOW).await, Ok(expected));
    store.add_usage(step(), &[delta(ids[2])]).await.unwrap();
    let expected = KeyStats { used_last_hour: 3, used_last_day: 3, ..expected };
    assert_eq!(store.key_stats(&tenant, NOW).await, Ok(expected));
}

#[tokio::test]
async fn a_note_that_lapsed_is_gone_from_the_server() {
    let (store, mut connection) = both().await;
    assert!(store.put_entry("name", None, "text", Duration::from_hours(1)).await.unwrap());
    let left: i64 = ask(&mut connection, &["PTTL", "dalston:notes:name"]).await;
    assert!((1..=3_600_000).contains(&left), "{left}");
    assert!(store.put_entry("at once", None, "text", Duration::ZERO).await.unwrap());
    assert_eq!(ask::<u8>(&mut connection, &["EXISTS", "dalston:notes:at once"]).await, 0);
}

#[tokio::test]
async fn the_pool_counts_its_connections() {
    let (store, _connection) = both().await;
    assert_eq!(store.pool(), Some(PoolStats { open: 1, idle: 1, max: 4 }));
}
