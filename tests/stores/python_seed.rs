//! The Python gateway of seed M11 and this store on one Redis, each as if it were alone.

use dalston_model::{
    Action, Actor, AuditEntry, Clock, Day, Door, Key, KeyAction, KeyDigest, KeyId, KeyPatch, KeyScopes, KeyState,
    ManualClock, Metadata, NodeId, OsEntropy, PageRequest, RateLimit, Scope, Source, SystemClock, Target, TenantId,
    Timestamp, UsageStep,
};
use dalston_store::{
    ChangesResult, FeedStore, InsertKeyOutcome, KeyLookup, KeyStats, KeyStore, KeyToInsert, Overlap, PolicyViolation,
    RevokeKeyOutcome, RotateKeyOutcome, Rotation, TenantStore, UpdateKeyOutcome, UpdatePrecondition, UsageStore,
};
use dalston_store_redis::{RedisOptions, RedisStore};
use kit::{patience::PATIENCE, servers::redis_url};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{process::Stdio, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

const HOUR: Duration = Duration::from_hours(1);

/// The first step of a node that just began.
fn step() -> UsageStep {
    UsageStep { node: NodeId::new(SystemClock.now(), &OsEntropy).unwrap(), number: 1 }
}

/// The Python gateway, in a process of its own.
pub(super) struct Python {
    _process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Python {
    fn start(url: &str) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/stores/python_seed.py");
        let mut python = Command::new("python3");
        python.args([script, url]).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = python.spawn().expect("python3 is missing: apt-get install --no-install-recommends python3");
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { _process: process, input, output }
    }

    /// What a method of the seed answers.
    pub(super) async fn call(&mut self, request: Value) -> Value {
        self.input.write_all(format!("{request}\n").as_bytes()).await.unwrap();
        let line = self.output.next_line().await.unwrap();
        serde_json::from_str(&line.unwrap_or_else(|| panic!("it ended at {request}"))).unwrap()
    }

    /// A key that it makes: its secret and its id.
    pub(super) async fn create(&mut self, name: &str, scopes: &[&str]) -> (String, KeyId) {
        let made = self.call(json!(["create", name, scopes])).await;
        (made["key"].as_str().unwrap().to_owned(), made["id"].as_str().unwrap().parse().unwrap())
    }

    pub(super) async fn accepts(&mut self, secret: &str) -> bool {
        !self.call(json!(["validate", secret])).await.is_null()
    }

    /// The ids that it lists.
    async fn listed(&mut self) -> Vec<String> {
        let list = self.call(json!(["list"])).await;
        list.as_array().unwrap().iter().map(|key| key["id"].as_str().unwrap().to_owned()).collect()
    }

    pub(super) async fn view(&mut self, secret: &str) -> Value {
        self.call(json!(["raw", "GET", view(secret)])).await
    }
}

/// Our side.
pub(super) struct Ours {
    pub(super) store: RedisStore,
    clock: Arc<ManualClock>,
    tenant: TenantId,
}

impl Ours {
    fn entry(&self, action: Action, id: KeyId) -> AuditEntry {
        let source = Source { actor: Actor::Operator, door: Door::Cli, address: None, request_id: None };
        let (tenant, target) = (self.tenant.clone(), Target::key(id));
        AuditEntry { time: self.clock.now(), tenant, source, action, target, detail: json!({}) }
    }

    fn guard(&self) -> UpdatePrecondition {
        UpdatePrecondition { at: self.clock.now(), within: None, keep_admin: false }
    }

    /// What the key behind a secret is; `None` when there is none, or the secret itself has ended.
    pub(super) async fn state(&self, secret: &str) -> Option<KeyState> {
        let found = self.store.find_key(&digest(secret)).await.unwrap()?;
        let live = found.secret_expires_at.is_none_or(|end| end > found.now);
        live.then(|| found.key.state(found.now))
    }

    pub(super) async fn get(&self, id: KeyId) -> Option<Key> {
        self.store.key(&self.tenant, id).await.unwrap().map(|used| used.key)
    }

    /// The ids that we list.
    pub(super) async fn listed(&self, revoked: bool) -> Vec<String> {
        let page = self.store.keys(&self.tenant, &PageRequest::default(), revoked).await.unwrap();
        page.items.iter().map(|used| used.key.id.to_string()).collect()
    }

    async fn revoke(&self, id: KeyId, guard: &UpdatePrecondition) -> RevokeKeyOutcome {
        self.store.revoke_key(&self.tenant, id, guard, &self.entry(KeyAction::KEY_REVOKED, id)).await.unwrap()
    }

    pub(super) async fn update(&self, id: KeyId, patch: &KeyPatch) -> UpdateKeyOutcome {
        let entry = self.entry(KeyAction::KEY_UPDATED, id);
        self.store.update_key(&self.tenant, id, patch, &self.guard(), &entry).await.unwrap()
    }

    pub(super) async fn rotate(&self, id: KeyId, secret: &str, overlap: Duration) -> RotateKeyOutcome {
        let overlap = Overlap { length: overlap, end_running: false };
        let rotation = Rotation { digest: digest(secret), prefix: secret.chars().take(10).collect(), overlap };
        let entry = self.entry(KeyAction::KEY_ROTATED, id);
        self.store.rotate_key(&self.tenant, id, &rotation, &self.guard(), None, &entry).await.unwrap()
    }

    /// A key with everything that the Python gateway does not know.
    fn new_key(&self, secret: &str) -> KeyToInsert {
        let metadata = json!({"list": [], "large": u64::MAX}).as_object().unwrap().clone();
        let key = Key {
            id: KeyId::new(self.clock.now(), &OsEntropy).unwrap(),
            tenant: self.tenant.clone(),
            prefix: secret.chars().take(10).collect(),
            name: "Ours \"ü\"".parse().unwrap(),
            description: Some("lines\nof it".parse().unwrap()),
            scopes: KeyScopes::DEFAULT,
            rate_limit: Some(RateLimit::new(60).unwrap()),
            enabled: true,
            created_at: self.clock.now(),
            created_by: Some(Actor::Master),
            expires_at: Some(self.clock.now().plus(HOUR)),
            revoked_at: None,
            metadata: Metadata::new(metadata).unwrap(),
        };
        KeyToInsert { key, digest: digest(secret) }
    }

    async fn insert(&self, secret: &str) -> Key {
        let new = self.new_key(secret);
        let entry = self.entry(KeyAction::KEY_CREATED, new.key.id);
        assert_eq!(self.store.insert_key(&new, None, &entry).await, Ok(InsertKeyOutcome::Inserted));
        new.key
    }
}

pub(super) fn digest(secret: &str) -> KeyDigest {
    KeyDigest::new(Sha256::digest(secret.as_bytes()).into())
}

/// Where the JSON at a secret's digest stands.
pub(super) fn view(secret: &str) -> String {
    format!("dalston:apikeys:{}", digest(secret).to_hex())
}

pub(super) fn secret(letter: &str) -> String {
    format!("dk_{}", letter.repeat(43))
}

pub(super) async fn both() -> (Python, Ours) {
    let url = redis_url();
    let clock = ManualClock::new(SystemClock.now());
    let options = RedisOptions { url: url.clone(), deadline: PATIENCE, connections: 4, allow_volatile: false };
    let store = RedisStore::connect(&options, Some(clock.clone())).await.unwrap();
    (Python::start(&url), Ours { store, clock, tenant: TenantId::default() })
}

#[tokio::test]
async fn a_key_of_the_python_gateway_works_here_unchanged() {
    let (mut python, ours) = both().await;
    let (secret, id) = python.create("Produktion ü", &["jobs:read", "admin"]).await;
    let view = python.view(&secret).await;
    let found = ours.store.find_key(&digest(&secret)).await.unwrap().unwrap().key;
    assert_eq!((found.id, found.name.as_str(), found.prefix.as_str()), (id, "Produktion ü", &secret[..10]));
    assert_eq!((found.scopes.to_string().as_str(), found.rate_limit), ("jobs:read,admin", None));
    assert!(found.scopes.built_in().grants(Scope::Nudge) && found.created_by.is_none());
    assert_eq!(ours.get(id).await, Some(found.clone()));
    assert_eq!(ours.listed(false).await, [id.to_string()]);
    assert_eq!(python.view(&secret).await, view, "looking at a key leaves it as it was");
    // Use there is seen here, and use here leaves it alone.
    assert!(python.accepts(&secret).await);
    let used = ours.store.key(&ours.tenant, id).await.unwrap().unwrap();
    assert!(used.last_used_at.is_some());
    assert_eq!(used.key, found);
    let usage = ours.store.usage(&ours.tenant, id, Day::from_number(0)).await.unwrap().unwrap();
    assert_eq!((usage.usage_count, usage.last_used_at), (0, used.last_used_at));
}

#[tokio::test]
async fn a_key_of_the_python_gateway_is_changed_rotated_and_revoked_here() {
    let (mut python, ours) = both().await;
    let (old, id) = python.create("x", &["jobs:read"]).await;
    let patch = KeyPatch { name: Some("renamed".parse().unwrap()), ..KeyPatch::default() };
    assert!(matches!(ours.update(id, &patch).await, UpdateKeyOutcome::Changed(_)));
    assert_eq!(python.call(json!(["validate", old])).await["name"], "renamed");
    let new = secret("n");
    assert!(matches!(ours.rotate(id, &new, Duration::ZERO).await, RotateKeyOutcome::Rotated { .. }));
    assert!(!python.accepts(&old).await && python.accepts(&new).await);
    assert_eq!((ours.state(&old).await, ours.state(&new).await), (None, Some(KeyState::Active)));
    assert_eq!(ours.revoke(id, &ours.guard()).await, RevokeKeyOutcome::Revoked);
    assert!(!python.accepts(&new).await && python.listed().await.is_empty());
}

#[tokio::test]
async fn a_key_of_ours_is_accepted_by_the_python_gateway_and_loses_nothing_there() {
    let (mut python, ours) = both().await;
    let secret = secret("o");
    let key = ours.insert(&secret).await;
    let answer = python.call(json!(["validate", secret])).await;
    let id = key.id.to_string();
    assert_eq!((&answer["id"], &answer["rate_limit"], &answer["name"]), (&json!(id), &json!(60), &json!("Ours \"ü\"")));
    assert_eq!(Timestamp::parse(answer["created_at"].as_str().unwrap()), Some(key.created_at));
    assert_eq!(python.listed().await, [id]);
    assert!(!python.view(&secret).await.as_str().unwrap().contains("expires_at"), "it writes its own fields alone");
    assert_eq!(ours.store.find_key(&digest(&secret)).await.unwrap().unwrap().key, key);
    assert_eq!(ours.get(key.id).await, Some(key));
    ours.clock.advance(HOUR);
    assert!(matches!(ours.state(&secret).await, Some(KeyState::Expired { .. })));
}

#[tokio::test]
async fn what_the_python_gateway_does_is_seen_at_once_and_heard_when_we_look_at_the_key() {
    let (mut python, ours) = both().await;
    let mut wakes = ours.store.notifier().await.unwrap();
    let mark = ours.store.checkpoint().await.unwrap();
    let (secret, id) = python.create("x", &["jobs:read"]).await;
    assert_eq!(ours.state(&secret).await, Some(KeyState::Active));
    assert_eq!(ours.store.checkpoint().await, Ok(mark), "it does not number its changes");
    ours.get(id).await.unwrap();
    wakes.next().await.unwrap();
    let taken_over = ours.store.checkpoint().await.unwrap();
    assert_eq!(taken_over.seq, mark.seq + 1);
    assert_eq!(python.call(json!(["revoke", id.to_string()])).await, true);
    assert!(matches!(ours.state(&secret).await, Some(KeyState::Revoked { .. })));
    assert_eq!(ours.store.checkpoint().await, Ok(taken_over));
    ours.get(id).await.unwrap();
    wakes.next().await.unwrap();
    let heard = ours.store.key_changes(&taken_over, 10).await.unwrap();
    let ChangesResult::Changes { changes, .. } = heard else { panic!("{heard:?}") };
    assert_eq!(changes.len(), 1);
    assert!(changes[0].key.id == id && changes[0].key.revoked_at.is_some());
}

#[tokio::test]
async fn a_key_that_the_python_gateway_revokes_is_revoked_here() {
    let (mut python, ours) = both().await;
    let secret = secret("r");
    let key = ours.insert(&secret).await;
    assert_eq!(python.call(json!(["revoke", key.id.to_string()])).await, true);
    assert!(matches!(ours.state(&secret).await, Some(KeyState::Revoked { .. })));
    assert!(ours.listed(false).await.is_empty());
    assert_eq!(ours.listed(true).await, [key.id.to_string()]);
    let at = ours.get(key.id).await.unwrap().revoked_at.unwrap();
    assert_eq!(ours.revoke(key.id, &ours.guard()).await, RevokeKeyOutcome::AlreadyRevoked(at));
    let patch = KeyPatch { enabled: Some(true), ..KeyPatch::default() };
    assert_eq!(ours.update(key.id, &patch).await, UpdateKeyOutcome::Refused(PolicyViolation::Revoked));
}

#[tokio::test]
async fn a_revocation_whose_time_cannot_be_read_is_one() {
    let (mut python, ours) = both().await;
    let secret = secret("u");
    let key = ours.insert(&secret).await;
    let once = python.view(&secret).await.as_str().unwrap().replace(r#""revoked_at":null"#, r#""revoked_at":"once""#);
    python.call(json!(["raw", "SET", view(&secret), once])).await;
    assert!(matches!(ours.state(&secret).await, Some(KeyState::Revoked { .. })));
    assert!(ours.listed(false).await.is_empty());
    assert_eq!(ours.revoke(key.id, &ours.guard()).await, RevokeKeyOutcome::AlreadyRevoked(key.created_at));
}

#[tokio::test]
async fn a_validate_of_the_python_gateway_does_not_revive_a_key_for_us() {
    let (mut python, ours) = both().await;
    let (theirs, id) = python.create("x", &["jobs:read"]).await;
    let (mine, own) = (secret("m"), ours.insert(&secret("m")).await.id);
    for (secret, id) in [(theirs, id), (mine, own)] {
        assert_eq!(python.call(json!(["begin_validate", secret])).await, true);
        assert_eq!(ours.revoke(id, &ours.guard()).await, RevokeKeyOutcome::Revoked);
        assert!(!python.call(json!(["finish_validate", secret])).await.is_null(), "it read before we wrote");
        assert!(python.view(&secret).await.as_str().unwrap().contains(r#""revoked_at":null"#));
        assert!(matches!(ours.state(&secret).await, Some(KeyState::Revoked { .. })));
        assert!(!ours.listed(false).await.contains(&id.to_string()));
        assert_eq!(ours.revoke(id, &ours.guard()).await, RevokeKeyOutcome::AlreadyRevoked(ours.clock.now()));
    }
    // Nor does it take back a revocation of its own, once we have seen it.
    let secret = secret("s");
    let key = ours.insert(&secret).await;
    assert_eq!(python.call(json!(["begin_validate", secret])).await, true);
    assert_eq!(python.call(json!(["revoke", key.id.to_string()])).await, true);
    assert!(ours.listed(false).await.is_empty());
    assert!(!python.call(json!(["finish_validate", secret])).await.is_null());
    assert!(matches!(ours.state(&secret).await, Some(KeyState::Revoked { .. })));
}

#[tokio::test]
async fn an_overlapping_secret_ends_for_the_python_gateway_too() {
    let (mut python, ours) = both().await;
    let (old, new) = (secret("a"), secret("b"));
    let key = ours.insert(&old).await;
    assert!(matches!(ours.rotate(key.id, &new, HOUR / 2).await, RotateKeyOutcome::Rotated { .. }));
    let left = json!(["raw", "PTTL", view(&old)]);
    assert!(python.call(left.clone()).await.as_i64().unwrap() > 0);
    // Its use there writes the JSON back without an end.
    assert!(python.accepts(&old).await && python.accepts(&new).await);
    assert_eq!(python.call(left).await, -1);
    assert_eq!(python.call(json!(["begin_validate", old])).await, true);
    ours.clock.advance(HOUR / 2);
    assert_eq!(ours.state(&old).await, None);
    ours.store.add_usage(step(), &[]).await.unwrap();
    assert!(!python.call(json!(["finish_validate", old])).await.is_null(), "it was under way");
    assert_eq!(ours.state(&old).await, None);
    ours.store.add_usage(step(), &[]).await.unwrap();
    assert!(!python.accepts(&old).await && python.accepts(&new).await);
}

#[tokio::test]
async fn a_revocation_takes_the_overlapping_secret_too() {
    let (mut python, ours) = both().await;
    let secrets = ["a", "b", "c", "d"].map(secret);
    let [ours_old, ours_new, theirs_old, theirs_new] = &secrets;
    for (old, new, by_us) in [(ours_old, ours_new, true), (theirs_old, theirs_new, false)] {
        let key = ours.insert(old).await;
        ours.rotate(key.id, new, HOUR / 2).await;
        if by_us {
            assert_eq!(ours.revoke(key.id, &ours.guard()).await, RevokeKeyOutcome::Revoked);
        } else {
            assert_eq!(python.call(json!(["revoke", key.id.to_string()])).await, true);
        }
        for secret in [old, new] {
            assert!(matches!(ours.state(secret).await, Some(KeyState::Revoked { .. })));
        }
        assert!(ours.listed(false).await.is_empty());
        assert!(!python.accepts(old).await && !python.accepts(new).await);
    }
}

#[tokio::test]
async fn an_odd_key_of_the_python_gateway_stands_in_nobodys_way() {
    let (mut python, ours) = both().await;
    let (wide, id) = python.create("wide", &["platform", "jobs:read", "jobs:read", "unheard:of"]).await;
    let found = ours.store.find_key(&digest(&wide)).await.unwrap().unwrap().key;
    assert_eq!(found.scopes.to_string(), "jobs:read,unheard:of", "built-in scopes that only we know were never given");
    let (none, _) = python.create("none", &[]).await;
    let (odd, odd_id) = python.create("odd", &["platform"]).await;
    let stranger = python.call(json!(["create", "stranger", ["admin"], 0, "No Tenant"])).await;
    // It crashed behind the first of its three writes.
    let half = secret("h");
    let lone =
        python.view(&wide).await.as_str().unwrap().replace(&id.to_string(), "01890a5d-ac96-774b-bcce-b302099a8057");
    python.call(json!(["raw", "SET", view(&half), lone])).await;
    python.call(json!(["raw", "SADD", "dalston:apikeys:tenant:default", "no id"])).await;
    let (late, late_id) = python.create("late", &["jobs:read"]).await;
    let far = python.view(&late).await.as_str().unwrap().replace(r#""created_at":"2"#, r#""created_at":"9"#);
    python.call(json!(["raw", "SET", view(&late), far])).await;
    for secret in [&none, &odd, stranger["key"].as_str().unwrap(), &half] {
        assert_eq!(ours.state(secret).await, None);
    }
    for _ in 0..2 {
        assert_eq!(ours.listed(true).await, [late_id.to_string(), id.to_string()]);
    }
    assert_eq!(ours.get(odd_id).await, None);
    assert_eq!(ours.revoke(odd_id, &ours.guard()).await, RevokeKeyOutcome::Unknown);
}

#[tokio::test]
async fn keys_of_the_python_gateway_count() {
    let (mut python, ours) = both().await;
    let (_, theirs) = python.create("theirs", &["admin"]).await;
    let first = ours.new_key(&secret("f"));
    let entry = ours.entry(KeyAction::KEY_CREATED, first.key.id);
    assert_eq!(ours.store.insert_first_key(&first, &entry).await, Ok(false), "there is one");
    let guard = UpdatePrecondition { keep_admin: true, ..ours.guard() };
    let mut mine = ours.new_key(&secret("m"));
    mine.key.scopes = KeyScopes::ADMIN;
    assert_eq!(ours.store.insert_key(&mine, None, &entry).await, Ok(InsertKeyOutcome::Inserted));
    let revoke = async |id| ours.revoke(id, &guard).await;
    assert_eq!(revoke(mine.key.id).await, RevokeKeyOutcome::Revoked, "theirs is left, though we never saw it");
    assert_eq!(revoke(theirs).await, RevokeKeyOutcome::Refused(PolicyViolation::LastAdmin));
    let (_, other) = python.create("other", &["admin"]).await;
    assert_eq!(ours.listed(false).await.len(), 2);
    python.call(json!(["revoke", other.to_string()])).await;
    assert_eq!(revoke(theirs).await, RevokeKeyOutcome::Refused(PolicyViolation::LastAdmin), "it is revoked there");
}

#[tokio::test]
async fn keys_of_the_python_gateway_are_in_the_figures() {
    let (mut python, ours) = both().await;
    let (used, _) = python.create("used", &["admin"]).await;
    let (_, revoked) = python.create("revoked", &["admin"]).await;
    assert!(python.accepts(&used).await);
    python.call(json!(["revoke", revoked.to_string()])).await;
    ours.insert(&secret("f")).await;
    let figures = ours.store.key_stats(&ours.tenant, ours.clock.now()).await.unwrap();
    let expected = KeyStats { active: 2, revoked: 1, expiring: 1, unused: 0, used_last_hour: 1, used_last_day: 1 };
    assert_eq!(figures, expected);
}

#[tokio::test]
async fn a_tenant_of_the_python_gateway_is_one_here() {
    let (mut python, ours) = both().await;
    let acme: TenantId = "acme".parse().unwrap();
    assert_eq!(ours.store.tenant(&acme).await, Ok(None));
    let made = python.call(json!(["create", "x", ["admin"], null, "acme"])).await;
    let mut new = ours.new_key(&secret("t"));
    new.key.tenant = acme.clone();
    let entry = ours.entry(KeyAction::KEY_CREATED, new.key.id);
    assert_eq!(ours.store.insert_key(&new, None, &entry).await, Ok(InsertKeyOutcome::Inserted));
    let page = ours.store.keys(&acme, &PageRequest::default(), false).await.unwrap();
    assert_eq!(page.items.len(), 2);
    assert!(page.items.iter().any(|used| made["id"] == json!(used.key.id.to_string())));
    assert!(ours.store.tenant(&acme).await.unwrap().is_some());
    assert_eq!(ours.store.tenants(&PageRequest::default()).await.unwrap().items.len(), 2);
}
