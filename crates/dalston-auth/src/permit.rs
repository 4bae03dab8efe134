//! The proof that a caller may do a thing.

use crate::{Caller, RejectionReason, Requirement, Right};
use dalston_model::{Action, Actor, AuditEntry, ScopeSet, Target, TenantId, Timestamp};
use serde_json::Value;
use std::{fmt, marker::PhantomData};

/// The proof that the caller was authorized for `R`. A use case takes the permit that it needs by its type: one of
/// another right does not compile. Only [`Caller::permit`] and [`Admission::permit`] make one, after they have checked
/// the right; and only a [`Gate`](crate::Gate) makes a [`Caller`].
pub struct Permit<R: Right> {
    caller: Caller,
    right: PhantomData<fn() -> R>,
}

impl<R: Right> Permit<R> {
    /// Of the operator, who holds every scope.
    pub(crate) const fn of_operator(caller: Caller) -> Self {
        Self { caller, right: PhantomData }
    }

    /// The caller.
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The tenant that the caller works in.
    pub fn tenant(&self) -> &TenantId {
        self.caller.tenant()
    }

    /// Everything that the caller may do: it may grant nothing beyond.
    pub fn scopes(&self) -> ScopeSet {
        self.caller.scopes()
    }

    /// The caller's identity, for `created_by`.
    pub const fn actor(&self) -> Actor {
        self.caller.source().actor
    }

    /// The audit entry of a change that the caller makes at `time`.
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
        f.debug_struct("Permit").field("need", &R::need()).field("caller", &self.caller).finish()
    }
}

impl Caller {
    /// Authorizes the caller for `R`. Fails with [`RejectionReason::InsufficientScope`].
    pub fn permit<R: Right>(&self) -> Result<Permit<R>, RejectionReason> {
        self.authorize(R::need())?;
        Ok(Permit { caller: self.clone(), right: PhantomData })
    }
}

/// An admitted request: its caller, and what the gate has authorized it for. A guard keeps it for the handler, which
/// takes a [`Permit`] out of it.
#[derive(Debug, Clone)]
pub struct Admission {
    caller: Caller,
    need: Requirement,
}

impl Admission {
    /// Of a caller that was authorized for what `need` asks.
    pub(crate) const fn new(caller: Caller, need: Requirement) -> Self {
        Self { caller, need }
    }

    /// The caller.
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The permit for `R`. What the gate has authorized is not checked again; another right is. Fails with
    /// [`RejectionReason::InsufficientScope`].
    pub fn permit<R: Right>(&self) -> Result<Permit<R>, RejectionReason> {
        if self.need != R::need() {
            self.caller.authorize(R::need())?;
        }
        Ok(Permit { caller: self.caller.clone(), right: PhantomData })
    }
}

/// A caller that was authenticated, and authorized for nothing besides.
impl From<Caller> for Admission {
    fn from(caller: Caller) -> Self {
        Self { caller, need: Requirement::Caller }
    }
}
