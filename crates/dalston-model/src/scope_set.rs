//! Set of scopes as a bit set: the permissions of a caller.

use crate::{OwnScope, Scope};
use std::fmt;

/// The scopes of a caller: those of its key that the deployment knows, or those of a caller without a key. 128 bits,
/// read without a lock or an allocation.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
// A byte array, because a `u128` is aligned to 16 bytes and would enlarge the types that hold the set.
pub struct ScopeSet([u8; 16]);

impl ScopeSet {
    /// `admin` alone.
    pub const ADMIN: Self = Self::of(Scope::Admin.bit());
    /// `platform` alone.
    pub const PLATFORM: Self = Self::of(Scope::Platform.bit());
    /// No scopes: a guest.
    pub const NONE: Self = Self::of(0);

    const fn of(bits: u128) -> Self {
        Self(bits.to_le_bytes())
    }

    const fn bits(self) -> u128 {
        u128::from_le_bytes(self.0)
    }

    /// Whether a holder of this set has the permission `scope`, directly or through a scope that includes it.
    pub const fn grants(self, scope: Scope) -> bool {
        self.bits() & scope.granted_by() != 0
    }

    /// The set with one more scope.
    #[must_use]
    pub const fn with(self, scope: Scope) -> Self {
        Self::of(self.bits() | scope.bit())
    }

    /// Whether `scope` itself is in the set, not only included in another scope.
    pub const fn contains(self, scope: Scope) -> bool {
        self.bits() & scope.bit() != 0
    }

    /// The scopes in the set: the built-in ones in their order, then the others by name.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        let mut own: Vec<Scope> = (0..).map_while(OwnScope::numbered).map(Scope::Own).collect();
        own.retain(|scope| self.contains(*scope));
        own.sort_unstable_by_key(|scope| scope.as_str());
        Scope::BUILT_IN.into_iter().filter(move |scope| self.contains(*scope)).chain(own)
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        scopes.into_iter().fold(Self::NONE, Self::with)
    }
}

/// Formats the names separated by commas.
impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(Scope::as_str).collect();
        f.write_str(&names.join(","))
    }
}

impl fmt::Debug for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
