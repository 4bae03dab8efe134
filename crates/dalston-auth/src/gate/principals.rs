//! Principals of a gate: those without a credential, revalidation, and changes of principals.

use super::Gate;
use crate::{Caller, Observation, PrincipalChange, PrincipalObserver, RejectionReason, scheme::process::ProcessScheme};
use dalston_model::{Actor, Door, Key, KeyId, RequestId, Source, TenantId};
use std::sync::Arc;

impl Gate {
    /// Revalidates the principal of a caller, and returns the caller with its current state.
    ///
    /// Call it when acting for a caller that was authenticated long ago. The credential scheme of its kind revalidates
    /// the principal; a kind without a scheme is refused.
    ///
    /// Fails with [`RejectionReason::InvalidCredential`] if the principal is no longer valid, with
    /// [`RejectionReason::InsufficientScope`] if it may no longer work in the caller's tenant, and with
    /// [`RejectionReason::Unavailable`] in an outage.
    pub async fn revalidate(&self, caller: &Caller) -> Result<Caller, RejectionReason> {
        let principal = caller.principal();
        let scheme = self.schemes.iter().find(|scheme| scheme.owns_kind(principal.kind));
        let identity = scheme.ok_or(RejectionReason::InvalidCredential)?.revalidate(&principal).await?;
        caller.with_identity(identity)
    }

    /// Returns the operator at the command line, in the tenant `default`, who may do everything.
    ///
    /// `reason` states the purpose, and is logged.
    pub fn operator(&self, reason: &'static str) -> Caller {
        tracing::debug!(event = "operator.authorized", reason, "authorized the operator");
        let source = Source { actor: Actor::Operator, door: Door::Cli, address: None, request_id: None };
        Caller::new(ProcessScheme::operator(), source)
    }

    /// Returns the gateway itself as a caller that may do everything, for what it does on its own account.
    ///
    /// `reason` states the purpose, and is logged.
    pub fn internal(&self, reason: &'static str) -> Caller {
        tracing::debug!(event = "gateway.authorized", reason, "authorized the gateway itself");
        Caller::new(ProcessScheme::gateway(), Source::gateway())
    }

    /// Returns the caller for the chat user with this id: an administrator or a guest.
    ///
    /// The id must come from the chat itself. An id that a client writes into a header or a body proves nothing.
    pub fn chat_user(&self, user: i64, request_id: Option<RequestId>) -> Caller {
        let source = Source { actor: Actor::Gateway, door: Door::Chat, address: None, request_id };
        Caller::new(self.chat.user(user), source)
    }

    /// Registers an observer of changes of principals, until the returned [`Observation`] is dropped.
    pub fn observe(&self, observer: Arc<dyn PrincipalObserver>) -> Observation {
        self.observers.add(observer)
    }

    /// Evicts a key that was changed on this node from the cache, and notifies the observers. `key` is its new state.
    pub fn key_changed(&self, key: &Key) {
        self.changed(key.id);
        self.observers.principal_changed(&PrincipalChange::of_key(key, &self.scopes, self.now()));
    }

    /// Evicts a key that was revoked on this node from the cache, and notifies the observers.
    pub fn key_revoked(&self, tenant: &TenantId, key: KeyId) {
        self.changed(key);
        let change = PrincipalChange { actor: Actor::Key(key), tenant: tenant.clone(), now: None };
        self.observers.principal_changed(&change);
    }

    /// Evicts a key that was changed on this node, or may have been, from the cache at once. Observers are not
    /// notified.
    pub fn changed(&self, key: KeyId) {
        self.cache.freshness().changed(key);
    }
}
