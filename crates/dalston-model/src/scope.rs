//! Scopes: the permissions of a key. Some are built in; a deployment, or a program that embeds the library, adds its
//! own.

use crate::OwnScope;
use std::fmt;

/// The one table of the built-in scopes: their names, what they allow, and whether `admin` includes them. Calls the macro
/// `$then` with the rows, so that whatever is made for each scope is made from this table.
#[doc(hidden)]
#[macro_export]
macro_rules! built_in_scopes {
    ($then:ident) => {
        $then! {
            JobsRead "jobs:read" "read transcription jobs" true;
            JobsWrite "jobs:write" "create and cancel transcription jobs, purge ended ones" true;
            Realtime "realtime" "open a transcription stream, make a ticket for one" true;
            Webhooks "webhooks" "manage the tenant's webhooks" true;
            Nudge "nudge" "send a message to the administrators" true;
            Verify "verify" "ask whether a key of the tenant is good, for another service" true;
            Admin "admin" "everything above and key management, inside its own tenant" true;
            Worker "worker" "register a transcription worker" false;
            Metrics "metrics" "read `/metrics`, which tells of all tenants together" false;
            Platform "platform" "everything, in every tenant, and the tenants themselves" false;
        }
    };
}

/// Defines [`Scope`].
macro_rules! scopes {
    ($($variant:ident $name:literal $summary:literal $in_admin:literal;)*) => {
        /// One permission. The order is the order of display: the built-in scopes, then the others.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Scope {
            $(#[doc = concat!("`", $name, "`: ", $summary, ".")] $variant,)*
            /// A scope that a deployment names.
            Own(OwnScope),
        }

        /// The bit numbers of the built-in scopes.
        enum Place { $($variant,)* }

        impl Scope {
            /// All built-in scopes, in the order of display.
            pub const BUILT_IN: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// The names of the built-in scopes.
            const NAMES: [&'static str; Self::BUILT_IN.len()] = [$($name),*];

            /// The name on the wire.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Own(own) => own.as_str(),
                }
            }

            /// What the scope allows, as shown in the README and in `help`.
            pub const fn summary(self) -> &'static str {
                match self {
                    $(Self::$variant => $summary,)*
                    Self::Own(_) => "defined by the deployment",
                }
            }

            /// The scope's bit in a set.
            pub(crate) const fn bit(self) -> u128 {
                match self {
                    $(Self::$variant => 1 << Place::$variant as u8,)*
                    Self::Own(own) => own.bit(),
                }
            }

            /// Whether `admin` includes the scope, inside its tenant.
            const fn is_in_admin(self) -> bool {
                match self {
                    $(Self::$variant => $in_admin,)*
                    Self::Own(_) => true,
                }
            }
        }
    };
}

built_in_scopes!(scopes);

impl Scope {
    /// The built-in scope with this name.
    pub fn built_in(name: &str) -> Option<Self> {
        Self::BUILT_IN.into_iter().find(|scope| scope.as_str() == name)
    }

    /// Whether this is the name of a built-in scope.
    pub(crate) const fn is_built_in(name: &str) -> bool {
        let mut index = 0;
        while index < Self::NAMES.len() {
            if same(Self::NAMES[index].as_bytes(), name.as_bytes()) {
                return true;
            }
            index += 1;
        }
        false
    }

    /// The bits of the scopes that grant this one: itself, and those that include it.
    pub(crate) const fn granted_by(self) -> u128 {
        let admin = if self.is_in_admin() { Self::Admin.bit() } else { 0 };
        self.bit() | admin | Self::Platform.bit()
    }
}

/// Whether two byte strings are equal, because `==` is not const.
const fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let mut index = 0;
    while index < one.len() {
        if one[index] != other[index] {
            return false;
        }
        index += 1;
    }
    true
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ScopeSet;

    #[test]
    fn admin_includes_all_but_worker_metrics_and_platform() {
        let own = Scope::Own(OwnScope::named("notes:read").unwrap());
        for scope in Scope::BUILT_IN.into_iter().chain([own]) {
            let outside = matches!(scope, Scope::Worker | Scope::Metrics | Scope::Platform);
            assert_eq!(ScopeSet::ADMIN.grants(scope), !outside, "{scope}");
            assert!(ScopeSet::PLATFORM.grants(scope), "{scope}");
            assert!(!ScopeSet::NONE.grants(scope), "{scope}");
        }
    }

    #[test]
    fn a_scope_that_includes_no_other_grants_itself_alone() {
        let own = ["notes:read", "notes:write"].map(|name| Scope::Own(OwnScope::named(name).unwrap()));
        let all: Vec<Scope> = Scope::BUILT_IN.into_iter().chain(own).collect();
        for given in all.iter().filter(|scope| !matches!(scope, Scope::Admin | Scope::Platform)) {
            for asked in &all {
                assert_eq!(ScopeSet::from_iter([*given]).grants(*asked), given == asked, "{given} for {asked}");
            }
        }
    }

    #[test]
    fn each_has_a_name_and_a_bit_of_its_own() {
        let bits = Scope::BUILT_IN.into_iter().fold(0, |bits, scope| bits | scope.bit());
        assert_eq!(bits, (1 << Scope::BUILT_IN.len()) - 1);
        for scope in Scope::BUILT_IN {
            assert_eq!(Scope::built_in(scope.as_str()), Some(scope));
            assert!(Scope::is_built_in(scope.as_str()));
        }
        for wrong in ["Admin", "", "jobs", "jobs:*", "jobs:read ", "*", "jobs:reae", "аdmin"] {
            assert!(Scope::built_in(wrong).is_none() && !Scope::is_built_in(wrong), "{wrong:?}");
        }
    }
}
