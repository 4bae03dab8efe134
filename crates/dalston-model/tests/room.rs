//! Test of the process-wide table of custom scopes. The test fills the table, so it runs in a process of its own.

use dalston_model::{KeyScopes, KnownScopes, OwnScope, Scope, ScopeNameError, ScopeSet};
use std::collections::HashSet;

fn names(deployment: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{deployment}:s{number}")).collect()
}

#[test]
fn deployments_of_one_process_share_118_names() {
    let first = KnownScopes::with(names("one", 100)).unwrap();
    let second = KnownScopes::with(names("two", 18)).unwrap();
    assert_eq!(KnownScopes::with(["three"]), Err(ScopeNameError::NoRoom("three".to_owned())));
    assert_eq!(OwnScope::named("three"), None);
    // Registered names can be named again, also together with others.
    assert_eq!(KnownScopes::with(names("one", 100)), Ok(first.clone()));
    assert!(KnownScopes::with(names("one", 82).into_iter().chain(names("two", 18))).is_ok());

    // Each scope has its own bit, up to the last of 128.
    let all: Vec<Scope> = first.iter().chain(second.iter()).collect();
    let alone = |scope: &Scope| ScopeSet::from_iter([*scope]);
    assert_eq!(all.iter().map(alone).collect::<HashSet<_>>().len(), 128);
    for scope in all.iter().filter(|scope| matches!(scope, Scope::Own(_))) {
        assert!(alone(scope).grants(*scope) && !alone(scope).grants(Scope::Admin) && ScopeSet::ADMIN.grants(*scope));
        assert!(!alone(&Scope::Worker).grants(*scope) && !alone(&Scope::Metrics).grants(*scope));
    }

    // A deployment knows its own scopes, whatever other deployments in the process know.
    let key: KeyScopes = names("one", 100).join(",").parse().unwrap();
    assert_eq!((first.set(&key).iter().count(), second.set(&key)), (100, ScopeSet::NONE));
    assert_eq!(second.shown(&key).len(), 100);
    // A name without room is unknown, and only `admin` may grant it.
    let roomless: KeyScopes = "three".parse().unwrap();
    assert_eq!(ScopeSet::ADMIN.first_beyond(&roomless), None);
    assert_eq!(first.set(&key).first_beyond(&roomless), Some(Scope::Admin));
}
