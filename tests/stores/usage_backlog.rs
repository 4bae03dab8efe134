//! Usage that waits because a store took none: written in steps, counted once, with changes of others between.

use dalston_auth::{
    Administrators, AuthRequest, Digester, Gate, GateConfig, GateStorage, KeyCacheConfig, KeyFormat, MasterKeys,
    PlainKey, Product, RejectionReason, Requirement,
};
use dalston_limit::Limiter;
use dalston_model::{
    Actor, AuditEntry, Clock, Day, Door, Key, KeyAction, KeyId, KeyScopes, KnownScopes, Metadata, NodeId, OsEntropy,
    Scope, Source, Target, TenantId,
};
use dalston_store::{InsertKeyOutcome, KeyToInsert, SharedKeyStorage};
use dalston_store_sqlite::{SqliteOptions, SqliteStore};
use dalston_work::{SharedWorkStorage, contract::WorkFixture};
use kit::stores;
use serde_json::json;
use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};
use std::{num::NonZeroU32, sync::Arc, time::Duration};
use tokio::{task::JoinSet, time::timeout};

fn source() -> Source {
    Source { actor: Actor::Operator, door: Door::Cli, address: None, request_id: None }
}

/// A key that is in the store, and its secret.
struct Counted {
    key: Key,
    secret: PlainKey,
}

fn new_key(clock: &dyn Clock) -> (KeyToInsert, PlainKey) {
    let id = KeyId::new(clock.now(), &OsEntropy).unwrap();
    let key = Key {
        id,
        tenant: TenantId::default(),
        prefix: "dk_0123456".to_owned(),
        name: "counted".parse().unwrap(),
        description: None,
        scopes: KeyScopes::DEFAULT,
        rate_limit: None,
        enabled: true,
        created_at: clock.now(),
        created_by: None,
        expires_at: None,
        revoked_at: None,
        metadata: Metadata::default(),
    };
    let secret = KeyFormat::default().mint(&OsEntropy).unwrap();
    (KeyToInsert { key, digest: Digester::new(None).digest(&secret) }, secret)
}

fn entry(clock: &dyn Clock, id: KeyId) -> AuditEntry {
    let (tenant, target) = (TenantId::default(), Target::key(id));
    AuditEntry {
        time: clock.now(),
        tenant,
        source: source(),
        action: KeyAction::KEY_CREATED,
        target,
        detail: json!({}),
    }
}

/// So many keys, in the store.
async fn keys(fixture: &WorkFixture, count: usize) -> Vec<Counted> {
    let mut inserting = JoinSet::new();
    for _ in 0..count {
        let (store, clock) = (fixture.store.clone(), fixture.clock.clone());
        inserting.spawn(async move {
            let (new, secret) = new_key(&*clock);
            assert_eq!(store.insert_key(&new, None, &entry(&*clock, new.key.id)).await, Ok(InsertKeyOutcome::Inserted));
            Counted { key: new.key, secret }
        });
    }
    inserting.join_all().await
}

/// A node that counts for this store, and follows its changes.
async fn gate(store: SharedWorkStorage, clock: Arc<dyn Clock>) -> Arc<Gate> {
    let gate = Gate::new(GateConfig {
        storage: GateStorage::from(store.clone() as SharedKeyStorage),
        limiter: Limiter::new(clock.clone(), None),
        format: KeyFormat::default(),
        product: Product::default(),
        scopes: KnownScopes::default(),
        pepper: None,
        masters: MasterKeys::default(),
        administrators: Administrators::default(),
        failures_per_minute: NonZeroU32::MIN,
        memory: KeyCacheConfig::default(),
        node: NodeId::new(clock.now(), &OsEntropy).unwrap(),
        clock,
    });
    gate.feed_consumer(store).poll().await.unwrap();
    gate
}

/// Counts a refusal of each key.
async fn count(gate: &Arc<Gate>, keys: &[Counted]) {
    for Counted { secret, .. } in keys {
        let attempt = AuthRequest::with_key(secret.expose(), None);
        let denied = gate.authenticate(attempt, Requirement::Scope(Scope::Admin)).await.unwrap_err();
        assert_eq!(denied.reason, RejectionReason::InsufficientScope(Scope::Admin));
    }
    gate.collect_usage();
}

async fn counted(store: &SharedWorkStorage, Counted { key, .. }: &Counted) -> u64 {
    let usage = store.usage(&key.tenant, key.id, Day::from_number(0)).await.unwrap().unwrap();
    usage.refused.insufficient_scope
}

async fn what_is_cut_off_at_any_moment_is_counted_once(fixture: WorkFixture) {
    const KEYS: usize = 600;
    let keys = keys(&fixture, KEYS).await;
    let node = || gate(fixture.store.clone(), fixture.clock.clone());
    let nodes = [node().await, node().await];
    for round in 0..40_u64 {
        for node in &nodes {
            count(node, &keys).await;
            // Cut off before, in and behind the call, and its answer is lost.
            let _ = timeout(Duration::from_micros(round * round * 20), node.write_usage()).await;
        }
    }
    for node in &nodes {
        while node.write_usage().await.unwrap() {}
        assert_eq!(node.pending_usage(), 0);
    }
    for key in keys.iter().step_by(7) {
        assert_eq!(counted(&fixture.store, key).await, 80);
    }
}

macro_rules! on_every_store {
    ($($store:ident)*) => {
        $(mod $store {
            #[tokio::test]
            async fn what_is_cut_off_at_any_moment_is_counted_once() {
                super::what_is_cut_off_at_any_moment_is_counted_once(super::stores::$store().await).await;
            }
        })*
    };
}

on_every_store! { memory sqlite postgres redis }

#[tokio::test]
async fn a_database_that_was_locked_gets_a_backlog_in_steps_and_changes_of_others_between() {
    const KEYS: usize = 20_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dalston.db");
    let clock = stores::memory().await.clock;
    let options = SqliteOptions { path: path.clone(), deadline: Duration::from_secs(60) };
    let store: SharedWorkStorage = Arc::new(SqliteStore::open_with_work(&options, clock.clone()).await.unwrap());
    let (new, secrets): (Vec<KeyToInsert>, Vec<PlainKey>) = (0..KEYS).map(|_| new_key(&*clock)).unzip();
    let ids: Vec<String> = new.iter().map(|new| new.key.id.to_string()).collect();
    let digests: Vec<[String; 2]> = new.iter().map(|new| [new.key.id.to_string(), new.digest.to_hex()]).collect();
    let keys: Vec<Counted> =
        new.into_iter().zip(secrets).map(|(new, secret)| Counted { key: new.key, secret }).collect();
    let mut other = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    sqlx::query(
        "INSERT INTO keys (id, tenant_id, rest, enabled, created_at, manages, changed) SELECT value, 'default', \
         '{\"prefix\": \"dk_0123456\", \"name\": \"counted\", \"scopes\": [\"jobs:read\"]}', 1, 0, 0, 1000 + key FROM json_each(?)",
    )
    .bind(json!(ids).to_string())
    .execute(&mut other)
    .await
    .unwrap();
    sqlx::query("INSERT INTO key_secrets (digest, key_id) SELECT unhex(value ->> 1), value ->> 0 FROM json_each(?)")
        .bind(json!(digests).to_string())
        .execute(&mut other)
        .await
        .unwrap();

    let node = gate(store.clone(), clock.clone()).await;
    // All are in memory once each has been counted.
    count(&node, &keys).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    for _ in 0..2 {
        count(&node, &keys).await;
        // It cannot be written, and whoever waited goes away.
        assert!(timeout(Duration::from_millis(20), node.write_usage()).await.is_err());
    }
    assert!(node.pending_usage() >= KEYS);
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();

    let (mut steps, mut changes) = (0, 0);
    while node.write_usage().await.unwrap() {
        steps += 1;
        let (new, _) = new_key(&*clock);
        assert_eq!(store.insert_key(&new, None, &entry(&*clock, new.key.id)).await, Ok(InsertKeyOutcome::Inserted));
        // Another process gets its turn too.
        sqlx::query("UPDATE tenants SET name = NULL").execute(&mut other).await.unwrap();
        changes += 1;
    }
    assert!(steps >= KEYS / 1_000 && steps == changes, "{steps}");
    let sum = "SELECT count(*), sum(insufficient_scope), max(insufficient_scope) FROM key_usage";
    let sums: (i64, i64, i64) = sqlx::query_as(sum).fetch_one(&mut other).await.unwrap();
    assert_eq!(sums, (20_000, 60_000, 3));
    assert_eq!((counted(&store, &keys[0]).await, node.pending_usage()), (3, 0));
    other.close().await.unwrap();
}

#[tokio::test]
async fn the_use_of_one_key_is_read_without_the_backlog_of_all() {
    let fixture = stores::sqlite().await;
    let keys = keys(&fixture, 3).await;
    let node = gate(fixture.store.clone(), fixture.clock.clone()).await;
    count(&node, &keys).await;
    node.flush_usage_of(keys[1].key.id).await.unwrap();
    assert_eq!((counted(&fixture.store, &keys[1]).await, counted(&fixture.store, &keys[0]).await), (1, 0));
    assert_eq!(node.pending_usage(), 2);
}
