//! Known scopes of a deployment: the built-in ones, and those that the deployment names.

use crate::{KeyScopes, OwnScope, Scope, ScopeError, ScopeSet};
use thiserror::Error;

/// The scopes that a deployment knows. The default is the built-in ones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KnownScopes {
    /// The scopes that are not built in, sorted by name.
    own: Vec<OwnScope>,
}

/// Why a deployment's list of scope names was refused. States which name is wrong, and what is wanted.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum ScopeNameError {
    /// The name does not match the grammar.
    #[error(
        "\"{}\" must be [a-z][a-z0-9_-]{{0,31}}, with up to two more such parts behind colons: notes:read",
        shown(.0)
    )]
    Malformed(String),
    /// The name is a built-in scope.
    #[error("\"{0}\" must not be named: it is built in")]
    BuiltIn(String),
    /// The name occurs twice.
    #[error("\"{0}\" must not be named twice")]
    Duplicate(String),
    /// The list has more names than a deployment may have.
    #[error("must name at most {most} scopes, and names {0}", most = KnownScopes::MOST)]
    TooMany(usize),
    /// The process has no room for another name: other deployments in it have used the rest.
    #[error("\"{0}\" is one scope too many for this process")]
    NoRoom(String),
}

/// A name as shown in an error: characters outside printable ASCII are escaped, and a long name is cut.
fn shown(name: &str) -> String {
    let most = 40;
    let cut = if name.chars().nth(most).is_some() { "…" } else { "" };
    name.chars().take(most).flat_map(char::escape_default).chain(cut.chars()).collect()
}

impl KnownScopes {
    /// Maximum number of scopes that a deployment may name.
    pub const MOST: usize = 100;

    /// The built-in scopes and those with these names. If a name is invalid, none of them is registered.
    pub fn with(names: impl IntoIterator<Item: AsRef<str>>) -> Result<Self, ScopeNameError> {
        let mut sorted: Vec<String> = Vec::new();
        for name in names {
            let name = name.as_ref();
            match sorted.binary_search_by(|other| other.as_str().cmp(name)) {
                _ if Scope::built_in(name).is_some() => return Err(ScopeNameError::BuiltIn(name.to_owned())),
                _ if !OwnScope::is_name(name) => return Err(ScopeNameError::Malformed(name.to_owned())),
                Ok(_) => return Err(ScopeNameError::Duplicate(name.to_owned())),
                Err(place) => sorted.insert(place, name.to_owned()),
            }
        }
        if sorted.len() > Self::MOST {
            return Err(ScopeNameError::TooMany(sorted.len()));
        }
        let own = sorted.into_iter().map(|name| OwnScope::named(&name).ok_or(ScopeNameError::NoRoom(name)));
        Ok(Self { own: own.collect::<Result<_, _>>()? })
    }

    /// The names of the scopes that are not built in.
    pub fn own(&self) -> impl Iterator<Item = &'static str> {
        self.own.iter().map(|own| own.as_str())
    }

    /// All known scopes: the built-in ones in their order, then the others by name.
    pub fn iter(&self) -> impl Iterator<Item = Scope> {
        Scope::BUILT_IN.into_iter().chain(self.own.iter().copied().map(Scope::Own))
    }

    /// The scope with this name, if it is known.
    pub fn scope(&self, name: &str) -> Option<Scope> {
        Scope::built_in(name).or_else(|| self.find(name).map(Scope::Own))
    }

    /// Fails if a key has a scope that is not known. The error lists the known ones.
    pub fn check(&self, scopes: &KeyScopes) -> Result<(), ScopeError> {
        if scopes.own().all(|name| self.find(name).is_some()) {
            return Ok(());
        }
        Err(ScopeError::Unknown(self.iter().map(Scope::as_str).collect::<Vec<_>>().join(", ")))
    }

    /// The permissions of a key with these scopes. An unknown name allows nothing.
    pub fn set(&self, scopes: &KeyScopes) -> ScopeSet {
        let own = scopes.own().filter_map(|name| self.find(name)).map(Scope::Own);
        own.fold(scopes.built_in(), ScopeSet::with)
    }

    /// The names of a key's scopes for display: the known ones, then those that are no longer known.
    pub fn shown(&self, scopes: &KeyScopes) -> Vec<String> {
        let (known, unknown): (Vec<&str>, Vec<&str>) = scopes.own().partition(|name| self.find(name).is_some());
        let built_in = scopes.built_in().iter().map(|scope| -> &str { scope.as_str() });
        built_in.chain(known).chain(unknown).map(str::to_owned).collect()
    }

    fn find(&self, name: &str) -> Option<OwnScope> {
        let place = self.own.binary_search_by(|own| own.as_str().cmp(name));
        place.ok().and_then(|place| self.own.get(place)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{prelude::*, sample::subsequence};

    /// The names that tests of this crate register: the process has room for few.
    const OWN: [&str; 5] = ["billing", "notes", "notes:read", "notes:write", "zoo:keeper:night"];

    fn scopes(text: &str) -> KeyScopes {
        text.parse().unwrap()
    }

    /// Random names: built in, named by the deployment, or unknown.
    fn any_scopes() -> impl Strategy<Value = KeyScopes> {
        let names: Vec<&str> =
            Scope::BUILT_IN.map(Scope::as_str).into_iter().chain(OWN).chain(["Gone", "old:1"]).collect();
        let most = names.len();
        subsequence(names, 1..=most).prop_shuffle().prop_map(|names| KeyScopes::named(names).unwrap())
    }

    /// A deployment that names some scopes of its own.
    fn any_known() -> impl Strategy<Value = KnownScopes> {
        subsequence(OWN.to_vec(), 0..=OWN.len()).prop_shuffle().prop_map(|own| KnownScopes::with(own).unwrap())
    }

    #[test]
    fn what_is_wrong_with_a_name_is_said() {
        let said = |names: &[&str]| KnownScopes::with(names).unwrap_err().to_string();
        let grammar = "must be [a-z][a-z0-9_-]{0,31}, with up to two more such parts behind colons: notes:read";
        assert_eq!(said(&["notes:read", "Notes:read"]), format!("\"Notes:read\" {grammar}"));
        assert_eq!(said(&["nоtes:read"]), format!("\"n\\u{{43e}}tes:read\" {grammar}"));
        assert_eq!(said(&[&"a".repeat(64)]), format!("\"{}…\" {grammar}", "a".repeat(40)));
        assert_eq!(said(&[""]), format!("\"\" {grammar}"));
        assert_eq!(said(&["notes:read", "admin"]), "\"admin\" must not be named: it is built in");
        assert_eq!(said(&["verify"]), "\"verify\" must not be named: it is built in");
        assert_eq!(said(&["notes", "notes:read", "notes"]), "\"notes\" must not be named twice");
    }

    #[test]
    fn a_deployment_names_a_hundred_at_most_and_is_refused_before_any_is_entered() {
        let names: Vec<String> = (0..=KnownScopes::MOST).map(|number| format!("many:s{number}")).collect();
        assert_eq!(KnownScopes::with(&names), Err(ScopeNameError::TooMany(101)));
        assert_eq!(OwnScope::find("many:s0"), None);
    }

    #[test]
    fn unknown_scopes_are_refused_with_the_list_of_the_known_ones() {
        let known = KnownScopes::with(["notes:write", "notes:read"]).unwrap();
        let list = "must name known scopes only: jobs:read, jobs:write, realtime, webhooks, nudge, verify, admin, \
                    worker, metrics, platform, notes:read, notes:write";
        for unknown in ["notes", "Notes:read", "notes:reаd", "notes:read ", ""] {
            let asked = KeyScopes::named(["jobs:read", unknown]).unwrap();
            assert_eq!(known.check(&asked).unwrap_err().to_string(), list, "{unknown:?}");
        }
        assert_eq!(known.check(&scopes("notes:write,jobs:read,notes:read")), Ok(()));
        assert!(known.iter().all(|scope| known.scope(scope.as_str()) == Some(scope)));
        assert_eq!((known.scope("notes"), known.scope("zoo:never:entered")), (None, None));
        assert_eq!(OwnScope::find("zoo:never:entered"), None, "a look-up enters nothing");
        assert!(KnownScopes::default().check(&scopes("notes:read")).is_err());
    }

    #[test]
    fn names_differ_in_their_case() {
        let known = KnownScopes::with(["notes:read"]).unwrap();
        let key = scopes("NOTES:READ,notes:read,Notes:Read");
        assert_eq!(known.set(&key), known.set(&scopes("notes:read")));
        assert_eq!(known.set(&scopes("NOTES:READ")), ScopeSet::NONE);
        assert_eq!(known.set(&scopes("ADMIN,Platform")), ScopeSet::NONE);
    }

    #[test]
    fn a_list_of_scopes_is_neither_empty_nor_has_one_twice() {
        assert_eq!(KeyScopes::named([]), Err(ScopeError::Empty));
        assert_eq!("".parse::<KeyScopes>(), Err(ScopeError::Empty));
        for twice in ["admin,admin", "notes:read,admin,notes:read"] {
            assert_eq!(twice.parse::<KeyScopes>(), Err(ScopeError::Duplicate), "{twice}");
        }
        for unreadable in ["admin,no tes", "nоtes", "a\"b", "a\\b", "a\u{1}"] {
            assert_eq!(unreadable.parse::<KeyScopes>(), Err(ScopeError::Unreadable), "{unreadable:?}");
        }
    }

    proptest! {
        #[test]
        fn nobody_gives_more_than_they_may_do(
            caller in any_scopes(), key in any_scopes(), known in any_known(), later in any_known(),
        ) {
            if known.set(&caller).first_beyond(&key).is_none() {
                // Nor after a name becomes known that was not known then.
                for deployment in [&known, &later] {
                    let (caller, key) = (deployment.set(&caller), deployment.set(&key));
                    for scope in deployment.iter().filter(|scope| key.grants(*scope)) {
                        prop_assert!(caller.grants(scope), "{} for {}", caller, scope);
                    }
                }
            }
        }

        #[test]
        fn whoever_may_do_all_of_a_key_may_give_it(caller in any_scopes(), key in any_scopes(), known in any_known()) {
            let names = key.names().filter(|name| known.iter().any(|scope| scope.as_str() == *name));
            let Ok(key) = KeyScopes::named(names) else { return Ok(()) };
            prop_assert_eq!(known.check(&key), Ok(()));
            let (caller, set) = (known.set(&caller), known.set(&key));
            let beyond = known.iter().any(|scope| set.grants(scope) && !caller.grants(scope));
            prop_assert_eq!(caller.first_beyond(&key).is_some(), beyond);
        }

        #[test]
        fn unknown_names_allow_nothing(key in any_scopes(), known in any_known()) {
            let set = known.set(&key);
            let names: Vec<&str> = set.iter().map(Scope::as_str).collect();
            let expected = key.names().filter(|name| known.iter().any(|scope| scope.as_str() == *name));
            prop_assert_eq!(names, expected.collect::<Vec<_>>());
        }

        #[test]
        fn scopes_survive_their_text_and_their_json(key in any_scopes()) {
            prop_assert_eq!(&key.to_string().parse::<KeyScopes>().unwrap(), &key);
            let json = serde_json::to_string(&key).unwrap();
            prop_assert_eq!(serde_json::from_str::<KeyScopes>(&json).unwrap(), key);
        }
    }
}
