//! Proof that a caller is authorized for a right.

use crate::{Caller, RejectionReason, Requirement, Right};
use dalston_model::{Action, Actor, AuditEntry, ScopeSet, Target, TenantId, Timestamp};
use serde_json::Value;
use std::{fmt, marker::PhantomData};

/// Proof that a caller was authorized for `R`.
///
/// A use case states the permit that it requires by its type; a permit of another right does not compile. Only
/// [`Caller::permit`], [`Admission::permit`] and [`Auth::operator`](crate::Auth::operator) create one. The first two
/// check the right, and the operator holds every right. Only a [`Gate`](crate::Gate) creates a [`Caller`].
pub struct Permit<R: Right> {
    caller: Caller,
    right: PhantomData<fn() -> R>,
}

impl<R: Right> Permit<R> {
    /// Creates a permit of the operator, who holds every scope. The right is not checked.
    pub(crate) const fn of_operator(caller: Caller) -> Self {
        Self { caller, right: PhantomData }
    }

    /// Returns the caller.
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Returns the tenant in which the caller acts.
    pub fn tenant(&self) -> &TenantId {
        self.caller.tenant()
    }

    /// Returns the scopes of the caller. It must not grant any beyond them.
    pub fn scopes(&self) -> ScopeSet {
        self.caller.scopes()
    }

    /// Returns the identity of the caller, for `created_by`.
    pub const fn actor(&self) -> Actor {
        self.caller.source().actor
    }

    /// Creates the audit entry of a change that the caller makes at `time`.
    pub fn entry(&self, time: Timestamp, action: Action, target: Target, detail: Value) -> AuditEntry {
        let (tenant, source) = (self.caller.tenant().clone(), self.caller.source().clone());
        AuditEntry { time, tenant, source, action, target, detail }
    }
}

impl<R: Right> Clone for Permit<R> {
    fn clone(&self) -> Self {
        Self { caller: self.caller.clone(), right: PhantomData }
    }
}

impl<R: Right> fmt::Debug for Permit<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("need", &R::requirement()).field("caller", &self.caller).finish()
    }
}

impl Caller {
    /// Authorizes the caller for `R`. Fails with [`RejectionReason::InsufficientScope`].
    pub fn permit<R: Right>(&self) -> Result<Permit<R>, RejectionReason> {
        self.authorize(R::requirement())?;
        Ok(Permit { caller: self.clone(), right: PhantomData })
    }
}

/// An admitted request: its caller, and the requirement for which the gate has authorized it.
///
/// A guard passes it to the handler, which takes a [`Permit`] from it.
#[derive(Debug, Clone)]
pub struct Admission {
    caller: Caller,
    requirement: Requirement,
}

impl Admission {
    /// Creates the admission of a caller that was authorized for `requirement`.
    pub(crate) const fn new(caller: Caller, requirement: Requirement) -> Self {
        Self { caller, requirement }
    }

    /// Returns the caller.
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Returns the permit for `R`.
    ///
    /// The requirement that the gate has authorized is not checked again; any other is. Fails with
    /// [`RejectionReason::InsufficientScope`].
    pub fn permit<R: Right>(&self) -> Result<Permit<R>, RejectionReason> {
        if self.requirement != R::requirement() {
            self.caller.authorize(R::requirement())?;
        }
        Ok(Permit { caller: self.caller.clone(), right: PhantomData })
    }
}

/// Admits a caller that was authenticated, without a scope.
impl From<Caller> for Admission {
    fn from(caller: Caller) -> Self {
        Self { caller, requirement: Requirement::Caller }
    }
}
