//! The gate over the in-memory store: what it decides from the cache, and at what cost.

use super::*;
use crate::{
    Credential, PrincipalChange, PrincipalObserver, RequestedRoute, Ticket, credential::CredentialLocation, rights,
};
use allocation_counter::measure;
use dalston_model::{
    Actor, AuditEntry, Door, Key, KeyAction, KnownScopes, ManualClock, Metadata, Principal, PrincipalKind, RateLimit,
    ScopeSet, SeededEntropy, SharedEntropy, Target, TenantId,
};
use dalston_store::{KeyToInsert, MemoryStore, SharedKeyStorage};
use serde_json::json;
use std::{
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

struct Fixture {
    clock: Arc<ManualClock>,
    store: Arc<MemoryStore>,
    gate: Arc<Gate>,
    feed_consumer: ChangeFeedConsumer,
    secret: crate::PlainKey,
    key: Key,
}

/// Returns the output of a future that does not really wait.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(given) => given,
        Poll::Pending => panic!("it waits"),
    }
}

fn decided(entry: GateStep) -> Option<Result<Admission, Rejection>> {
    match entry {
        GateStep::Decided(decision) => Some(decision),
        GateStep::Lookup(_) => None,
    }
}

impl Fixture {
    /// A gate that has read the change feed, and a store with one key.
    fn new(rate_limit: Option<u32>) -> Self {
        Self::with(rate_limit, Administrators::new(vec![7]))
    }

    fn with(rate_limit: Option<u32>, administrators: Administrators) -> Self {
        let clock = ManualClock::new(Timestamp::from_secs(1_700_000_000));
        let entropy: SharedEntropy = Arc::new(SeededEntropy::new(1));
        let store = Arc::new(MemoryStore::new(clock.clone()));
        let gate = Gate::new(GateConfig {
            storage: GateStorage::from(store.clone() as SharedKeyStorage),
            limiter: Limiter::new(clock.clone(), None),
            format: KeyFormat::default(),
            product: Product::default(),
            scopes: KnownScopes::with(["notes:read", "notes:write"]).unwrap(),
            pepper: None,
            masters: MasterKeys::default(),
            administrators,
            failures_per_minute: NonZeroU32::MIN,
            memory: KeyCacheConfig::default(),
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
            scopes: "jobs:read,notes:read,gone:read".parse().unwrap(),
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
            action: KeyAction::KEY_CREATED,
            target: Target::key(key.id),
            detail: json!({}),
        };
        let new = KeyToInsert { key: key.clone(), digest: gate.digester.digest(&secret) };
        assert!(now(store.insert_first_key(&new, &entry)).unwrap());
        let mut feed_consumer = gate.feed_consumer(store.clone());
        assert!(!now(feed_consumer.poll()).unwrap().more);
        Self { clock, store, gate, feed_consumer, secret, key }
    }

    fn request(&self) -> AuthRequest<'_> {
        AuthRequest {
            credential: Ok(Credential {
                location: CredentialLocation::Authorization,
                token: self.secret.expose().as_bytes(),
            }),
            tenant: None,
            door: Door::Http,
            asked: RequestedRoute { method: "GET", route: "/auth/me" },
            origin: None,
            address: "192.0.2.1".parse().ok(),
            request_id: "a-request".parse().ok(),
        }
    }

    /// Returns the decision, if it needs no call of the store.
    fn try_enter(&self, requirement: Requirement) -> Option<Result<Admission, Rejection>> {
        decided(self.gate.try_authenticate_cached(&self.request(), requirement))
    }

    fn enter(&self, requirement: Requirement) -> Result<Admission, Rejection> {
        now(self.gate.authenticate(self.request(), requirement))
    }
}

#[test]
fn a_request_of_a_key_in_memory_is_admitted_without_an_allocation() {
    let fixture = Fixture::new(Some(1_000_000));
    assert!(fixture.try_enter(Requirement::Caller).is_none(), "nobody has asked for the key");
    assert!(fixture.enter(Requirement::Caller).is_ok());
    let [own, lacking] = ["notes:read", "notes:write"].map(|name| Requirement::scope(name).unwrap());
    let info = measure(|| {
        for _ in 0..1_000 {
            assert!(fixture.try_enter(Requirement::Scope(Scope::JobsRead)).is_some_and(|entered| entered.is_ok()));
            assert!(fixture.try_enter(own).is_some_and(|entered| entered.is_ok()));
            assert!(fixture.try_enter(lacking).is_some_and(|entered| entered.is_err()));
        }
    });
    assert_eq!((info.count_total, info.bytes_total), (0, 0));
    assert_eq!(fixture.gate.totals(), GateTotals { total: 3_001, refused: 1_000 });
}

#[test]
fn memory_decides_as_the_store_does() {
    let fixture = Fixture::new(Some(3));
    for _ in 0..2 {
        assert!(fixture.enter(Requirement::Caller).is_ok());
    }
    let scope = fixture.try_enter(Requirement::Scope(Scope::Admin)).unwrap().unwrap_err();
    assert_eq!(scope.reason, RejectionReason::InsufficientScope(Scope::Admin));
    assert_eq!(scope.decision.map(|decision| decision.remaining), Some(0), "a refused scope costs a unit");
    let limited = fixture.try_enter(Requirement::Caller).unwrap().unwrap_err();
    assert!(matches!(limited.reason, RejectionReason::RateLimited(_)) && limited.decision.is_some());
    fixture.gate.collect_usage();
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
    assert!(fixture.enter(Requirement::Caller).is_ok());
    let ticket = Ticket::mint(&SeededEntropy::new(2)).unwrap();
    let ticket = Credential { location: CredentialLocation::Ticket, token: ticket.expose().as_bytes() };
    for other in [
        AuthRequest { tenant: Some("default"), ..fixture.request() },
        AuthRequest { credential: Ok(ticket), ..fixture.request() },
    ] {
        assert!(decided(fixture.gate.try_authenticate_cached(&other, Requirement::Caller)).is_none());
    }
    fixture.clock.advance(Duration::from_secs(1));
    assert!(fixture.try_enter(Requirement::Caller).is_none(), "nothing was heard for as long as the bound");
}

#[test]
fn what_no_store_can_know_is_refused_without_asking_it() {
    let fixture = Fixture::new(None);
    let missing = RejectionReason::MissingCredential(crate::KeyPrefix::default());
    let key = fixture.secret.expose().as_bytes();
    for (credential, reason) in [
        (Err(missing), missing),
        (
            Ok(Credential { location: CredentialLocation::ApiKey, token: b"nonsense" }),
            RejectionReason::InvalidCredential,
        ),
        (Ok(Credential { location: CredentialLocation::Ticket, token: key }), RejectionReason::InvalidCredential),
        (Ok(Credential { location: CredentialLocation::ApiKey, token: b"dt_" }), RejectionReason::InvalidCredential),
    ] {
        let request = AuthRequest { credential, address: None, ..fixture.request() };
        let decision = decided(fixture.gate.try_authenticate_cached(&request, Requirement::Caller)).unwrap();
        assert_eq!(decision.unwrap_err().reason, reason);
    }
    assert_eq!(fixture.gate.totals(), GateTotals { total: 4, refused: 4 });
    assert_eq!(fixture.gate.memory().misses, 0);
}

#[test]
fn a_miss_reads_the_store_once_and_decides_once() {
    let fixture = Fixture::new(Some(2));
    let GateStep::Lookup(lookup) = fixture.gate.try_authenticate_cached(&fixture.request(), Requirement::Caller) else {
        panic!("nobody has asked for the key")
    };
    let admission = now(lookup.run()).unwrap();
    assert_eq!(admission.caller().room().map(|decision| decision.remaining), Some(1));
    assert_eq!((fixture.gate.memory().misses, fixture.gate.totals().total), (1, 1));
}

#[test]
fn the_right_that_was_checked_is_not_checked_again_and_another_one_is() {
    let fixture = Fixture::new(None);
    let admission = fixture.enter(Requirement::Scope(Scope::JobsRead)).unwrap();
    assert!(admission.permit::<rights::JobsRead>().is_ok());
    assert!(admission.permit::<rights::Authenticated>().is_ok());
    assert_eq!(admission.permit::<rights::Admin>().unwrap_err(), RejectionReason::InsufficientScope(Scope::Admin));
}

#[test]
fn each_kind_of_principal_is_revalidated_and_an_unknown_one_refused() {
    let fixture = Fixture::new(None);
    let gate = &fixture.gate;
    let key = fixture.enter(Requirement::Caller).unwrap().caller().clone();
    for caller in [key.clone(), gate.operator("a test"), gate.internal("a test"), gate.chat_user(7, None)] {
        let with_identity = now(gate.revalidate(&caller)).unwrap();
        assert_eq!(with_identity.principal(), caller.principal());
        assert_eq!(with_identity.source(), caller.source());
    }
    assert_eq!(gate.chat_user(7, None).scopes(), ScopeSet::ADMIN);
    assert!(gate.chat_user(8, None).is_guest() && !gate.chat_user(7, None).is_guest());

    // An administrator that the settings no longer name is a guest.
    let other = Fixture::with(None, Administrators::default()).gate;
    let with_identity = now(other.revalidate(&gate.chat_user(7, None))).unwrap();
    assert!(with_identity.is_guest() && with_identity.scopes() == ScopeSet::NONE);

    // A future kind of credential: no scheme vouches for it yet.
    let session = Principal { kind: PrincipalKind::new("session"), ..key.principal() };
    let caller = Caller::new(Identity::Other(Arc::new(session)), Source::gateway());
    assert_eq!(now(gate.revalidate(&caller)).unwrap_err(), RejectionReason::InvalidCredential);

    let guard = dalston_store::UpdatePrecondition { at: fixture.clock.now(), within: None, keep_admin: false };
    let entry = key.permit::<rights::Authenticated>().unwrap();
    let entry = entry.entry(fixture.clock.now(), KeyAction::KEY_REVOKED, Target::key(fixture.key.id), json!({}));
    now(fixture.store.revoke_key(&fixture.key.tenant, fixture.key.id, &guard, &entry)).unwrap();
    assert_eq!(now(gate.revalidate(&key)).unwrap_err(), RejectionReason::InvalidCredential);
}

/// Records the changes that it is notified of.
#[derive(Default)]
struct Told(std::sync::Mutex<Vec<PrincipalChange>>);

impl PrincipalObserver for Told {
    fn principal_changed(&self, change: &PrincipalChange) {
        self.0.lock().unwrap().push(change.clone());
    }
}

/// Panics on each change.
struct Faulty;

impl PrincipalObserver for Faulty {
    fn principal_changed(&self, _: &PrincipalChange) {
        panic!("a fault of an observer")
    }
}

#[test]
fn observers_are_told_the_same_of_a_change_made_here_and_of_one_that_is_followed() {
    let mut fixture = Fixture::new(None);
    let told = Arc::new(Told::default());
    let faulty = fixture.gate.observe(Arc::new(Faulty));
    let observation = fixture.gate.observe(told.clone());
    let guard = dalston_store::UpdatePrecondition { at: fixture.clock.now(), within: None, keep_admin: false };
    let operator = fixture.gate.operator("a test").permit::<rights::Admin>().unwrap();
    let entry = operator.entry(fixture.clock.now(), KeyAction::KEY_REVOKED, Target::key(fixture.key.id), json!({}));
    now(fixture.store.revoke_key(&fixture.key.tenant, fixture.key.id, &guard, &entry)).unwrap();
    fixture.gate.key_revoked(&fixture.key.tenant, fixture.key.id);
    now(fixture.feed_consumer.poll()).unwrap();
    let changes = std::mem::take(&mut *told.0.lock().unwrap());
    assert_eq!(changes.len(), 2);
    assert!(changes.iter().all(|change| *change == changes[0] && change.now.is_none()));
    // A dropped observation is not notified.
    drop((faulty, observation));
    fixture.gate.key_changed(&fixture.key);
    assert!(told.0.lock().unwrap().is_empty());
}

#[test]
fn a_revoked_key_is_refused_here_at_once_and_elsewhere_when_it_is_heard() {
    let mut fixture = Fixture::new(None);
    assert!(fixture.enter(Requirement::Caller).is_ok());
    let guard = dalston_store::UpdatePrecondition { at: fixture.clock.now(), within: None, keep_admin: false };
    let entry = AuditEntry {
        time: fixture.clock.now(),
        tenant: fixture.key.tenant.clone(),
        source: Source { actor: Actor::Operator, door: Door::Cli, address: None, request_id: None },
        action: KeyAction::KEY_REVOKED,
        target: Target::key(fixture.key.id),
        detail: json!({}),
    };
    now(fixture.store.revoke_key(&fixture.key.tenant, fixture.key.id, &guard, &entry)).unwrap();
    assert!(fixture.enter(Requirement::Caller).is_ok(), "somebody else did it, and nothing was heard");
    let changes = now(fixture.feed_consumer.poll()).unwrap();
    assert_eq!(changes.changes.len(), 1);
    assert_eq!(fixture.enter(Requirement::Caller).unwrap_err().reason, RejectionReason::InvalidCredential);
    assert_eq!(fixture.feed_consumer.seen(), now(fixture.store.checkpoint()).ok().map(|checkpoint| checkpoint.seq));

    let fixture = Fixture::new(None);
    assert!(fixture.enter(Requirement::Caller).is_ok());
    now(fixture.store.revoke_key(&fixture.key.tenant, fixture.key.id, &guard, &entry)).unwrap();
    fixture.gate.changed(fixture.key.id);
    assert_eq!(fixture.enter(Requirement::Caller).unwrap_err().reason, RejectionReason::InvalidCredential);
}
