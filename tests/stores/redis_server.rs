//! What only Redis has: servers that would lose keys, and servers that do not answer.

use super::wakes::{change, digest};
use dalston_model::{
    Actor, AuditEntry, Door, KeyAction, KeyDigest, KeyId, KeyPatch, RateLimit, Source, Target, Tenant, TenantId,
    Timestamp,
};
use dalston_store::{
    Checkpoint, FeedStore, KeyLookup, KeyStorage, KeyStore, LimitStore, RevokeKeyOutcome, StoreError, StoreResult,
    TenantStore, UpdateKeyOutcome, UpdatePrecondition,
};
use dalston_store_redis::{ConnectError, PERMISSIONS, RedisOptions, RedisStore};
use kit::{patience::patiently, servers::Redis};
use std::{fmt::Debug, time::Duration};

/// Of a store whose server is frozen. A server that answers does so much sooner.
const DEADLINE: Duration = Duration::from_secs(3);

fn options(url: String) -> RedisOptions {
    RedisOptions { url, deadline: DEADLINE, connections: 4, allow_volatile: false }
}

async fn connect(server: &Redis) -> RedisStore {
    RedisStore::connect(&options(server.url()), None).await.expect("it keeps what it is told")
}

/// Every way to the server: the shared line, the pool, a new connection.
async fn ask(store: &RedisStore) -> [StoreResult<()>; 4] {
    let key = KeyId::from_uuid("550e8400-e29b-41d4-a716-446655440000".parse().expect("an id"));
    let (tenant, limit) = ("default".parse().expect("a tenant"), RateLimit::new(1_000_000).expect("in range"));
    let digest = KeyDigest::new([1; 32]);
    let answers = tokio::join!(store.find_key(&digest), store.take(key, limit), store.key(&tenant, key), store.probe());
    [answers.0.map(|_| ()), answers.1.map(|_| ()), answers.2.map(|_| ()), answers.3]
}

async fn set(server: &Redis, name: &str, value: &str) {
    let client = redis::Client::open(server.url()).expect("a URL");
    let mut connection = client.get_multiplexed_async_connection().await.expect("it is up");
    let set = redis::cmd("CONFIG").arg(&["SET", name, value]).exec_async(&mut connection).await;
    set.expect("there is such a setting");
}

/// A tenant, and what is recorded of its insert.
fn tenant(id: &TenantId) -> (Tenant, AuditEntry) {
    let source = Source { actor: Actor::Operator, door: Door::Cli, address: None, request_id: None };
    let time = Timestamp::from_secs(1_767_225_600);
    let (action, target) = (KeyAction::TENANT_CREATED, Target::tenant(id));
    let entry = AuditEntry { time, tenant: id.clone(), source, action, target, detail: serde_json::json!({}) };
    (Tenant { id: id.clone(), name: None, created_at: time }, entry)
}

fn is_outage<T: Debug>(result: &StoreResult<T>) -> bool {
    matches!(result, Err(StoreError::Unavailable(_)))
}

#[tokio::test]
async fn a_server_that_forgets_is_refused_unless_allowed() {
    for (settings, word) in [
        (&["--appendonly", "no"][..], "appendonly"),
        (&["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"][..], "maxmemory-policy"),
    ] {
        let server = Redis::start(settings);
        let refused = RedisStore::connect(&options(server.url()), None).await.map(|_| ());
        let Err(ConnectError::Volatile(why)) = refused else { panic!("{refused:?}") };
        assert!(why.contains(word), "{why}");
        let allowed = RedisOptions { allow_volatile: true, ..options(server.url()) };
        assert!(RedisStore::connect(&allowed, None).await.is_ok());
    }
    let bounded = Redis::start(&["--maxmemory", "100mb", "--maxmemory-policy", "noeviction"]);
    assert!(RedisStore::connect(&options(bounded.url()), None).await.is_ok());
}

#[tokio::test]
async fn a_server_of_a_cluster_is_refused_as_one() {
    let server = Redis::start(&["--cluster-enabled", "yes"]);
    for allow_volatile in [false, true] {
        // Before any of it has slots, and as the one that has all.
        for slots in [&["CLUSTER", "RESET"][..], &["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]] {
            server.ask(slots).await;
            let options = RedisOptions { allow_volatile, ..options(server.url().replace("/0", "")) };
            let refused = RedisStore::connect(&options, None).await.map(|_| ());
            assert_eq!(refused, Err(ConnectError::Cluster), "{slots:?} {allow_volatile}");
        }
    }
}

#[tokio::test]
async fn a_user_without_permissions_is_told_which_it_needs_and_one_that_has_them_works() {
    // The contract is run as a user that has all of them.
    let server = Redis::start(&[]);
    let url = server.url().replace("redis://", "redis://narrow:secret@");
    // What else there is shows only later.
    for missing in ["~dalston:*", "+@write", "+@scripting", "+info", "+time"].map(Some).into_iter().chain([None]) {
        let rules = PERMISSIONS.split(' ').filter(|rule| Some(*rule) != missing);
        let user: Vec<&str> = ["ACL", "SETUSER", "narrow", "reset", "on", ">secret"].into_iter().chain(rules).collect();
        server.ask(&user).await;
        let connected = RedisStore::connect(&options(url.clone()), None).await.map(|_| ());
        let expected = if missing.is_some() { Err(ConnectError::Forbidden) } else { Ok(()) };
        assert_eq!(connected, expected, "without {missing:?}");
    }
}

#[tokio::test]
async fn a_socket_and_a_database_are_reached_by_their_url() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let socket = folder.path().join("redis.sock").display().to_string();
    let server = Redis::start(&["--unixsocket", &socket]);
    let id = "acme".parse().expect("a tenant");
    let there = RedisStore::connect(&options(format!("redis+unix://{socket}?db=3")), None).await.expect("it is up");
    let (tenant, entry) = tenant(&id);
    assert_eq!(there.insert_tenant(&tenant, &entry).await, Ok(true));
    assert_eq!(connect(&server).await.tenant(&id).await, Ok(None), "another database");
    let url = server.url().replace("/0", "/3");
    let same = RedisStore::connect(&options(url), None).await.expect("it is up");
    assert_eq!(same.tenant(&id).await, Ok(Some(tenant)));
}

#[tokio::test]
async fn a_frozen_server_is_unavailable_within_the_deadline_and_no_longer_than_it_lasts() {
    let server = Redis::start(&[]);
    let store = connect(&server).await;
    for _ in 0..2 {
        assert!(ask(&store).await.iter().all(Result::is_ok));
        server.pause();
        // The first by connections that were there, the second by new ones.
        for _ in 0..2 {
            let answers = patiently(ask(&store)).await;
            assert!(answers.iter().all(is_outage), "{answers:?}");
        }
        server.resume();
        let answers = ask(&store).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    }
}

#[tokio::test]
async fn a_killed_server_is_unavailable_until_it_is_back() {
    let mut server = Redis::start(&[]);
    let store = connect(&server).await;
    assert!(ask(&store).await.iter().all(Result::is_ok));
    server.kill();
    for _ in 0..2 {
        let answers = ask(&store).await;
        assert!(answers.iter().all(is_outage), "{answers:?}");
    }
    server.restart();
    let answers = ask(&store).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    // A restart that nobody noticed.
    server.kill();
    server.restart();
    let answers = ask(&store).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

#[tokio::test]
async fn a_full_server_takes_no_more_but_answers() {
    let server = Redis::start(&[]);
    let store = connect(&server).await;
    let (tenant, entry) = tenant(&"acme".parse().expect("a tenant"));
    set(&server, "maxmemory", "1").await;
    assert!(is_outage(&store.insert_tenant(&tenant, &entry).await));
    assert_eq!(store.tenant(&tenant.id).await, Ok(None));
    assert_eq!(
        (store.find_key(&KeyDigest::new([1; 32])).await, store.checkpoint().await),
        (Ok(None), Ok(Checkpoint::START))
    );
    assert!(is_outage(&store.probe().await), "a write failed");
    set(&server, "maxmemory", "0").await;
    assert_eq!(store.probe().await, Ok(()), "and would not any more");
    assert_eq!(store.insert_tenant(&tenant, &entry).await, Ok(true));
}

#[tokio::test]
async fn no_error_shows_the_password() {
    let server = Redis::start(&[]);
    set(&server, "requirepass", "right").await;
    let urls = [
        server.url().replace("redis://", "redis://:swordfish@"),
        server.url().replace("redis://", "redis://user:swordfish@"),
        "redis://:swordfish@127.0.0.1:1/0".to_owned(),
        "redis://:swordfish@[/0".to_owned(),
        "redis://:swordfish@host/words".to_owned(),
        "redis+unix:///nowhere?pass=swordfish".to_owned(),
        "rediss://:swordfish@127.0.0.1:1/0".to_owned(),
    ];
    for url in urls {
        let options = options(url.clone());
        let Err(error) = RedisStore::connect(&options, None).await else { panic!("{url}") };
        let shown = format!("{error} {error:?} {options:?}");
        assert!(!shown.contains("swordfish"), "{shown}");
        assert!(matches!(error, ConnectError::Store(StoreError::Unavailable(_))), "{shown}");
    }
    let right = server.url().replace("redis://", "redis://:right@");
    assert!(RedisStore::connect(&options(right), None).await.is_ok());
}

#[tokio::test]
async fn a_full_server_still_takes_rights_away() {
    let server = Redis::start(&[]);
    let store = connect(&server).await;
    let (revoked, disabled, kept) = (change(&store).await, change(&store).await, change(&store).await);
    set(&server, "maxmemory", "1").await;
    let tenant: TenantId = "default".parse().expect("a tenant");
    let guard = UpdatePrecondition { at: Timestamp::from_secs(1_767_225_600), within: None, keep_admin: false };
    let (_, entry) = self::tenant(&tenant);
    let patch = |enabled, name: Option<&str>| KeyPatch {
        enabled,
        name: name.map(|name| name.parse().expect("a name")),
        ..KeyPatch::default()
    };
    assert!(store.record(&entry).await.is_ok(), "the use of the master key");
    assert_eq!(store.revoke_key(&tenant, revoked, &guard, &entry).await, Ok(RevokeKeyOutcome::Revoked));
    let done = store.update_key(&tenant, disabled, &patch(Some(false), None), &guard, &entry).await;
    assert!(matches!(done, Ok(UpdateKeyOutcome::Changed(_))), "{done:?}");
    for patch in [patch(Some(true), None), patch(None, Some("new")), patch(Some(false), Some("new"))] {
        let key = if patch.enabled == Some(true) { disabled } else { kept };
        assert!(is_outage(&store.update_key(&tenant, key, &patch, &guard, &entry).await), "{patch:?}");
    }
    for (key, lives) in [(revoked, false), (disabled, false), (kept, true)] {
        let found = store.find_key(&digest(key)).await.expect("it answers").expect("it is there").key;
        assert_eq!(found.enabled && found.revoked_at.is_none(), lives);
    }
}
