//! What a route or a command asks of its caller: as data in a table, and as a type in a signature.

use dalston_model::{Scope, ScopeSet};

/// What a route or a command asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// To be authenticated.
    Caller,
    /// To hold this scope.
    Scope(Scope),
}

impl Need {
    /// Whether an authenticated caller with these scopes meets it.
    pub fn is_met_by(self, scopes: ScopeSet) -> bool {
        match self {
            Self::Caller => true,
            Self::Scope(scope) => scopes.grants(scope),
        }
    }
}

/// A [`Need`] as a type. A [`Permit<R>`](crate::Permit) proves that its caller met it. Sealed: the rights are those of
/// this module.
pub trait Right: sealed::Sealed + Send + Sync + 'static {
    /// What the caller was asked for.
    const NEED: Need;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! rights {
    ($($(#[$doc:meta])* $name:ident = $need:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {}

        impl sealed::Sealed for $name {}

        impl Right for $name {
            const NEED: Need = $need;
        }
    )*};
}

/// The rights, one for each scope and one for whoever is authenticated.
pub mod rights {
    use super::{Need, Right, sealed};
    use dalston_model::Scope;

    rights! {
        /// The caller is authenticated: whatever its scopes are.
        Authenticated = Need::Caller;
        /// The scope `jobs:read`.
        JobsRead = Need::Scope(Scope::JobsRead);
        /// The scope `jobs:write`.
        JobsWrite = Need::Scope(Scope::JobsWrite);
        /// The scope `realtime`.
        Realtime = Need::Scope(Scope::Realtime);
        /// The scope `webhooks`.
        Webhooks = Need::Scope(Scope::Webhooks);
        /// The scope `nudge`.
        Nudge = Need::Scope(Scope::Nudge);
        /// The scope `admin`: to manage the keys of the tenant, and to read its audit log.
        Admin = Need::Scope(Scope::Admin);
        /// The scope `worker`.
        Worker = Need::Scope(Scope::Worker);
        /// The scope `platform`: to manage tenants, and to work in each of them.
        Platform = Need::Scope(Scope::Platform);
    }
}
