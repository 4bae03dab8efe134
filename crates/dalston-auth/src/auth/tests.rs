//! A service's own scopes: what they permit, who may grant them, and what happens when a deployment no longer declares
//! one.

use crate::{
    Admission, Auth, AuthError, AuthRequest, MintedKey, NewKey, Permit, Rejection, RejectionReason, Requirement, Right,
    right, rights,
};
use dalston_model::{KeyPatch, KeyScopes, ManualClock, Scope, SeededEntropy, Timestamp};
use dalston_store::{MemoryStore, Overlap, SharedKeyStorage};
use std::sync::Arc;

right!(NotesRead = "notes:read");
right!(NotesWrite = "notes:write");

const OWN: [&str; 2] = ["notes:write", "notes:read"];

struct Service {
    clock: Arc<ManualClock>,
    store: SharedKeyStorage,
}

impl Service {
    fn new() -> Self {
        let clock = ManualClock::new(Timestamp::from_secs(1_700_000_000));
        Self { store: Arc::new(<MemoryStore>::new(clock.clone())), clock }
    }

    /// The service, deployed with scopes of these names.
    fn naming(&self, names: &[&str]) -> Auth {
        let (clock, entropy) = (self.clock.clone(), Arc::new(SeededEntropy::new(u64::try_from(names.len()).unwrap())));
        Auth::builder(self.store.clone()).clock_and_entropy(clock, entropy).scopes(names).build().unwrap()
    }
}

async fn create(auth: &Auth, scopes: &str) -> MintedKey {
    let ask = NewKey::named("one".parse().unwrap(), scopes.parse().unwrap());
    auth.keys().create(&auth.operator("a test"), ask, None).await.unwrap()
}

async fn enter(auth: &Auth, secret: &str, requirement: Requirement) -> Result<Admission, RejectionReason> {
    auth.gate()
        .authenticate(AuthRequest::with_key(secret, None), requirement)
        .await
        .map_err(|Rejection { reason, .. }| reason)
}

/// Returns the permit of a new admin key, to manage keys with.
async fn admin(auth: &Auth) -> Permit<rights::Admin> {
    let made = create(auth, "admin").await;
    enter(auth, made.secret.expose(), Requirement::Scope(Scope::Admin)).await.unwrap().permit().unwrap()
}

fn rename() -> KeyPatch {
    KeyPatch { name: Some("other".parse().unwrap()), ..KeyPatch::default() }
}

#[tokio::test]
async fn a_scope_of_ones_own_allows_itself_alone() {
    let auth = Service::new().naming(&OWN);
    let reader = create(&auth, "notes:read").await;
    let admission = enter(&auth, reader.secret.expose(), NotesRead::requirement()).await.unwrap();
    assert!(admission.permit::<NotesRead>().is_ok());
    let lacking = |right: Requirement| match right {
        Requirement::Scope(scope) => RejectionReason::InsufficientScope(scope),
        Requirement::Caller => panic!("every caller is one"),
    };
    assert_eq!(admission.permit::<NotesWrite>().unwrap_err(), lacking(NotesWrite::requirement()));
    assert_eq!(admission.permit::<rights::JobsRead>().unwrap_err(), lacking(rights::JobsRead::requirement()));
    let refused = enter(&auth, reader.secret.expose(), NotesWrite::requirement()).await.unwrap_err();
    assert_eq!(refused.detail(), "Missing required scope: notes:write");
    for (scopes, admitted) in [("admin", true), ("platform", true), ("jobs:read,worker,metrics", false)] {
        let key = create(&auth, scopes).await;
        let entered = enter(&auth, key.secret.expose(), NotesRead::requirement()).await;
        assert_eq!(entered.is_ok(), admitted, "{scopes}");
    }
}

#[tokio::test]
async fn a_scope_that_is_named_no_more_stays_allows_nothing_and_comes_back() {
    let service = Service::new();
    let made = create(&service.naming(&OWN), "notes:read,jobs:read").await;
    let secret = made.secret.expose();
    let without = service.naming(&["notes:write"]);
    assert!(enter(&without, secret, NotesRead::requirement()).await.is_err());
    assert!(enter(&without, secret, rights::JobsRead::requirement()).await.is_ok());
    let admin = admin(&without).await;
    let id = made.key.key.id;
    let renamed = without.keys().update(&admin, id, &rename()).await.unwrap();
    assert_eq!(renamed.key.scopes, made.key.key.scopes);
    let rotated = without.keys().rotate(&admin, id, Overlap::none(), None).await.unwrap();
    assert_eq!(rotated.key.key.scopes, made.key.key.scopes);
    let again = service.naming(&OWN);
    assert!(enter(&again, rotated.secret.expose(), NotesRead::requirement()).await.is_ok());
    // The rotated key regained `notes:read` in the deployment that declares it. `admin` includes every own scope, so
    // the admin that rotated the key granted nothing beyond its own scopes.
    assert!(admin.scopes().grants(Scope::Admin));
}

#[tokio::test]
async fn an_unknown_scope_is_refused_with_the_list_of_the_known_ones() {
    let auth = Service::new().naming(&OWN);
    let made = create(&auth, "jobs:read").await;
    let admin = admin(&auth).await;
    let list = "must name known scopes only: jobs:read, jobs:write, realtime, webhooks, nudge, verify, admin, worker, \
                metrics, platform, notes:read, notes:write";
    let unknown = AuthError::invalid("scopes", list);
    for wrong in ["notes", "Notes:read", "notes:reаd", "billing"] {
        let scopes = KeyScopes::named([wrong, "jobs:read"]).unwrap();
        let ask = NewKey::named("one".parse().unwrap(), scopes.clone());
        assert_eq!(auth.keys().create(&admin, ask, None).await.unwrap_err(), unknown, "{wrong}");
        let patch = KeyPatch { scopes: Some(scopes), ..KeyPatch::default() };
        assert_eq!(auth.keys().update(&admin, made.key.key.id, &patch).await.unwrap_err(), unknown, "{wrong}");
    }
}

#[tokio::test]
async fn nobody_gives_or_takes_over_what_an_admin_does_not_include() {
    let auth = Service::new().naming(&OWN);
    let admin = admin(&auth).await;
    for (scope, name) in [(Scope::Worker, "worker"), (Scope::Metrics, "metrics"), (Scope::Platform, "platform")] {
        let beyond = AuthError::Refused(RejectionReason::InsufficientScope(scope));
        let scopes: KeyScopes = format!("notes:read,{name}").parse().unwrap();
        let ask = NewKey::named("one".parse().unwrap(), scopes.clone());
        assert_eq!(auth.keys().create(&admin, ask, None).await.unwrap_err(), beyond);
        let made = create(&auth, &scopes.to_string()).await.key.key.id;
        assert_eq!(auth.keys().update(&admin, made, &rename()).await.unwrap_err(), beyond);
        assert_eq!(auth.keys().rotate(&admin, made, Overlap::none(), None).await.unwrap_err(), beyond);
        // Revoking grants nothing, so an admin may revoke every key of its tenant. A key with `platform` does not
        // belong to the tenant.
        assert_eq!(auth.keys().revoke(&admin, made).await.is_ok(), scope != Scope::Platform, "{name}");
    }
}

#[tokio::test]
async fn two_services_in_a_process_know_each_their_own() {
    let service = Service::new();
    let (notes, billing) = (service.naming(&["notes:read"]), service.naming(&["billing"]));
    let key = create(&notes, "notes:read").await;
    assert!(enter(&notes, key.secret.expose(), NotesRead::requirement()).await.is_ok());
    assert!(enter(&billing, key.secret.expose(), NotesRead::requirement()).await.is_err());
    let ask = NewKey::named("one".parse().unwrap(), "notes:read".parse().unwrap());
    assert!(billing.keys().create(&billing.operator("a test"), ask, None).await.is_err());
}

#[test]
fn a_service_with_a_wrong_scope_is_not_built() {
    let store = Service::new().store;
    let said = |names: &[&str]| match Auth::builder(store.clone()).scopes(names).build() {
        Err(error) => error.to_string(),
        Ok(_) => String::new(),
    };
    assert_eq!(said(&["notes:read", "admin"]), "the scope \"admin\" must not be named: it is built in");
    assert!(said(&["notes read"]).starts_with("the scope \"notes read\" must be [a-z]"));
}
