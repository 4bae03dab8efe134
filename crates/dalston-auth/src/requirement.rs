//! What a route or a command asks of its caller: as data in a table, and as a type in a signature.

use dalston_model::{OwnScope, Scope, ScopeSet};
use std::sync::OnceLock;

/// What a route or a command asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requirement {
    /// To be authenticated.
    Caller,
    /// To hold this scope.
    Scope(Scope),
}

impl Requirement {
    /// To hold the scope of this name: a built-in one, or one of one's own. `None`: that cannot be the name of a scope.
    /// Where a deployment does not know the scope no key has it, and only `admin` and `platform` include it. The name is
    /// static, as it is entered for the life of the process: one that a client sends is looked up by
    /// [`KnownScopes::scope`](dalston_model::KnownScopes::scope).
    pub fn scope(name: &'static str) -> Option<Self> {
        let scope = Scope::built_in(name).or_else(|| OwnScope::named(name).map(Scope::Own));
        scope.map(Self::Scope)
    }

    /// Whether an authenticated caller with these scopes meets it.
    pub const fn is_met_by(self, scopes: ScopeSet) -> bool {
        match self {
            Self::Caller => true,
            Self::Scope(scope) => scopes.grants(scope),
        }
    }
}

/// A [`Requirement`] as a type. A [`Permit<R>`](crate::Permit) proves that its caller met it. The rights of built-in scopes are
/// in [`rights`]; [`right!`](crate::right) makes one of a scope of one's own. A right proves nothing by itself: it is
/// the permit that nobody but a gate makes.
pub trait Right: sealed::Sealed + Send + Sync + 'static {
    /// What the caller is asked for.
    fn need() -> Requirement;
}

/// What [`right!`](crate::right) is made of.
#[doc(hidden)]
pub mod sealed {
    use super::{OnceLock, Requirement, Scope};

    pub trait Sealed {}

    /// The need of a right of one's own, looked up once.
    pub struct OwnRequirement(&'static str, OnceLock<Requirement>);

    impl OwnRequirement {
        pub const fn of(name: &'static str) -> Self {
            Self(name, OnceLock::new())
        }

        /// In a process without room for the name nobody has the scope: it is left to `platform`.
        pub fn get(&self) -> Requirement {
            *self.1.get_or_init(|| Requirement::scope(self.0).unwrap_or(Requirement::Scope(Scope::Platform)))
        }
    }
}

/// Makes a right of a scope of one's own, which [`AuthBuilder::scopes`](crate::AuthBuilder::scopes) names. The name is
/// checked when it is compiled.
///
/// ```
/// use dalston_auth::{Requirement, Permit, Right, right};
///
/// right!(pub NotesRead = "notes:read");
///
/// fn notes(permit: &Permit<NotesRead>) -> String {
///     format!("the notes of {}", permit.tenant())
/// }
///
/// assert_eq!(Some(NotesRead::need()), Requirement::scope("notes:read"));
/// ```
#[macro_export]
macro_rules! right {
    ($(#[$doc:meta])* $visible:vis $name:ident = $scope:literal) => {
        #[doc = concat!("The scope `", $scope, "`.")]
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $visible enum $name {}

        const _: () = assert!(
            $crate::model::OwnScope::is_name($scope),
            "a scope of one's own is named [a-z][a-z0-9_-]{{0,31}}, with up to two more such parts behind colons, and as none that is built in"
        );

        impl $crate::sealed::Sealed for $name {}

        impl $crate::Right for $name {
            fn need() -> $crate::Requirement {
                static NEED: $crate::sealed::OwnRequirement = $crate::sealed::OwnRequirement::of($scope);
                NEED.get()
            }
        }
    };
}

/// Defines the marker type of a requirement.
macro_rules! requirement {
    ($name:ident, $need:expr, $doc:expr) => {
        #[doc = $doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {}

        impl sealed::Sealed for $name {}

        impl Right for $name {
            fn need() -> Requirement {
                $need
            }
        }
    };
}

/// Defines a right for each row of the table of scopes.
macro_rules! rights {
    ($($scope:ident $name:literal $summary:literal $in_admin:literal;)*) => {
        $(requirement!(
            $scope,
            Requirement::Scope(Scope::$scope),
            concat!("The scope `", $name, "`: ", $summary, ".")
        );)*
    };
}

/// The rights: one for each built-in scope, and one for any authenticated caller.
pub mod rights {
    use super::{Requirement, Right, sealed};
    use dalston_model::Scope;

    requirement!(Authenticated, Requirement::Caller, "The caller is authenticated, whatever its scopes are.");
    dalston_model::built_in_scopes!(rights);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_asks_for_its_scope() {
        assert_eq!(rights::Authenticated::need(), Requirement::Caller);
        assert_eq!(rights::JobsRead::need(), Requirement::Scope(Scope::JobsRead));
        assert_eq!(rights::Platform::need(), Requirement::Scope(Scope::Platform));
    }

    #[test]
    fn a_need_is_named_by_its_scope() {
        for scope in Scope::BUILT_IN {
            assert_eq!(Requirement::scope(scope.as_str()), Some(Requirement::Scope(scope)));
        }
        let own = Requirement::scope("notes:read").unwrap();
        assert!(matches!(own, Requirement::Scope(Scope::Own(_))) && Requirement::scope("notes:read") == Some(own));
        assert!(own.is_met_by(ScopeSet::ADMIN) && !own.is_met_by(ScopeSet::NONE.with(Scope::JobsRead)));
        assert_eq!(Requirement::scope("Notes"), None);
    }
}
