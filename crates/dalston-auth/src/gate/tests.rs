//! The gate over the memory engine: what is decided from memory, and at what cost.

use super::*;
use allocation_counter::measure;
use dalston_model::{AuditEntry, Door, ManualClock, Metadata, RateLimit, ScopeSet, SeededEntropy, SharedEntropy};
use dalston_store::{KeyStore as _, MemoryStore, NewKey};
use std::{
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

struct Fixture {
    clock: Arc<ManualClock>,
    store: Arc<MemoryStore>,
    gate: Gate,
    follower: Follower,
    secret: crate::PlainKey,
    key: Key,
}

/// What a future without a real wait gives.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(given) => given,
        Poll::Pending => panic!("it waits"),
    }
}

impl Fixture {
    /// A gate that has heard of its one key.
    fn new(rate_limit: Option<u32>) -> Self {
        let clock = ManualClock::new(Timestamp::from_secs(1_700_000_000));
        let entropy: SharedEntropy = Arc::new(SeededEntropy::new(1));
        let store = Arc::new(MemoryStore::new(clock.clone()));
        let gate = Gate::new(GateParts {
            store: store.clone(),
            limiter: Limiter::new(clock.clone(), None),
            format: KeyFormat::default(),
            pepper: None,
            masters: MasterKeys::default(),
            failures_per_minute: NonZeroU32::MIN,
            memory: Memory::default(),
            node: NodeId::new(clock.now(), &*entropy).unwrap(),
            clock: clock.clone(),
        });
        let secret = gate.format.mint(&*entropy).unwrap();
        let key = Key {
            id: KeyId::new(clock.now(), &*entropy).unwrap(),
            tenant: TenantId::default(),
            prefix: secret.prefix().to_owned(),
            name: "one".parse().unwrap(),
            description: None,
            scopes: ScopeSet::DEFAULT,
            rate_limit: rate_limit.map(|limit| RateLimit::new(limit).unwrap()),
            enabled: true,
            created_at: clock.now(),
            created_by: None,
            expires_at: None,
            revoked_at: None,
            metadata: Metadata::default(),
        };
        let entry = AuditEntry {
            time: clock.now(),
            tenant: key.tenant.clone(),
            source: Source { actor: Actor::Operator, door: Door::Cli, address: None, request_id: None },
            action: Action::KeyCreated,
            target: Target::Key(key.id),
            detail: json!({}),
        };
        let new = NewKey { key: key.clone(), digest: gate.digester.digest(&secret) };
        assert!(now(store.insert_first_key(&new, &entry)).unwrap());
        let mut follower = gate.follower(store.clone());
        assert!(!now(follower.poll()).unwrap().more);
        Self { clock, store, gate, follower, secret, key }
    }

    fn attempt(&self) -> Attempt<'_> {
        Attempt {
            credential: Ok(Credential { token: self.secret.expose(), may_be_master: true, is_ticket: false }),
            tenant: None,
            door: Door::Http,
            asked: Asked { method: "GET", route: "/auth/me" },
            origin: None,
            address: "192.0.2.1".parse().ok(),
            request_id: "a-request".parse().ok(),
        }
    }

    fn try_enter(&self, need: Need) -> Option<Result<Entry, Denied>> {
        self.gate.try_enter(&self.attempt(), need)
    }

    fn enter(&self, need: Need) -> Result<Entry, Denied> {
        now(self.gate.enter(self.attempt(), need))
    }
}

#[test]
fn a_request_of_a_key_in_memory_is_admitted_without_an_allocation() {
    let fixture = Fixture::new(Some(1_000_000));
    assert!(fixture.try_enter(Need::Caller).is_none(), "nobody has asked for the key");
    assert!(fixture.enter(Need::Caller).is_ok());
    let info = measure(|| {
        for _ in 0..1_000 {
            assert!(fixture.try_enter(Need::Scope(Scope::JobsRead)).is_some_and(|entered| entered.is_ok()));
        }
    });
    assert_eq!((info.count_total, info.bytes_total), (0, 0));
    assert_eq!(fixture.gate.totals(), Totals { total: 1_001, refused: 0 });
}

#[test]
fn memory_decides_as_the_store_does() {
    let fixture = Fixture::new(Some(3));
    for _ in 0..2 {
        assert!(fixture.enter(Need::Caller).is_ok());
    }
    let scope = fixture.try_enter(Need::Scope(Scope::Admin)).unwrap().unwrap_err();
    assert_eq!(scope.refusal, Refusal::InsufficientScope(Scope::Admin));
    assert_eq!(scope.verdict.map(|verdict| verdict.remaining), Some(0), "a refused scope costs a unit");
    let limited = fixture.try_enter(Need::Caller).unwrap().unwrap_err();
    assert!(matches!(limited.refusal, Refusal::RateLimited(_)) && limited.verdict.is_some());
    fixture.gate.gather_usage();
    assert!(now(fixture.gate.write_usage()).unwrap());
    let usage = now(dalston_store::UsageStore::usage(
        &*fixture.store,
        &fixture.key.tenant,
        fixture.key.id,
        dalston_model::Day::of(fixture.clock.now()),
    ));
    let usage = usage.unwrap().unwrap();
    assert_eq!((usage.usage_count, usage.refused.rate_limited, usage.refused.insufficient_scope), (2, 1, 1));
}

#[test]
fn what_memory_does_not_hold_is_not_decided_there() {
    let fixture = Fixture::new(None);
    assert!(fixture.enter(Need::Caller).is_ok());
    let other = |attempt: &dyn Fn(&mut Attempt<'_>)| {
        let mut changed = fixture.attempt();
        attempt(&mut changed);
        fixture.gate.try_enter(&changed, Need::Caller).is_none()
    };
    assert!(other(&|it| it.tenant = Some("default")));
    assert!(other(&|it| it.credential = Err(Refusal::MissingCredential(crate::KeyPrefix::default()))));
    assert!(other(&|it| it.credential = it.credential.map(|it| Credential { is_ticket: true, ..it })));
    assert!(other(&|it| it.credential = it.credential.map(|it| Credential { token: "nonsense", ..it })));
    fixture.clock.advance(Duration::from_secs(1));
    assert!(fixture.try_enter(Need::Caller).is_none(), "nothing was heard for as long as the bound");
}

#[test]
fn a_revoked_key_is_refused_here_at_once_and_elsewhere_when_it_is_heard() {
    let mut fixture = Fixture::new(None);
    assert!(fixture.enter(Need::Caller).is_ok());
    let guard = dalston_store::Guard { at: fixture.clock.now(), within: None, keep_admin: false };
    let entry = AuditEntry {
        time: fixture.clock.now(),
        tenant: fixture.key.tenant.clone(),
        source: Source { actor: Actor::Operator, door: Door::Cli, address: None, request_id: None },
        action: Action::KeyRevoked,
        target: Target::Key(fixture.key.id),
        detail: json!({}),
    };
    now(fixture.store.revoke_key(&fixture.key.tenant, fixture.key.id, &guard, &entry)).unwrap();
    assert!(fixture.enter(Need::Caller).is_ok(), "somebody else did it, and nothing was heard");
    let news = now(fixture.follower.poll()).unwrap();
    assert_eq!(news.changes.len(), 1);
    assert_eq!(fixture.enter(Need::Caller).unwrap_err().refusal, Refusal::InvalidCredential);
    assert_eq!(fixture.follower.seen(), now(fixture.store.mark()).ok().map(|mark| mark.seq));

    let fixture = Fixture::new(None);
    assert!(fixture.enter(Need::Caller).is_ok());
    now(fixture.store.revoke_key(&fixture.key.tenant, fixture.key.id, &guard, &entry)).unwrap();
    fixture.gate.changed(fixture.key.id);
    assert_eq!(fixture.enter(Need::Caller).unwrap_err().refusal, Refusal::InvalidCredential);
}
