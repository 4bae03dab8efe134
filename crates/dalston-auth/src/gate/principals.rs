//! The principals of a gate: those that present no credential, those that are looked at again, and those that change.

use super::Gate;
use crate::{Caller, Observation, PrincipalChange, PrincipalObserver, RejectionReason, scheme::process::ProcessScheme};
use dalston_model::{Actor, Door, Key, KeyId, RequestId, Source, TenantId};
use std::sync::Arc;

impl Gate {
    /// The caller as it is now: for whatever acts on when the request was authenticated long ago. Each kind of principal
    /// is revalidated by its credential scheme; a kind that no scheme vouches for is refused. Fails with
    /// [`RejectionReason::InvalidCredential`] once the principal is no more, with [`RejectionReason::InsufficientScope`] where it may no
    /// longer work in the caller's tenant, and with [`RejectionReason::Unavailable`] in an outage.
    pub async fn revalidate(&self, caller: &Caller) -> Result<Caller, RejectionReason> {
        let principal = caller.principal();
        let scheme = self.schemes.iter().find(|scheme| scheme.vouches_for(principal.kind));
        let standing = scheme.ok_or(RejectionReason::InvalidCredential)?.revalidate(&principal).await?;
        caller.renewed(standing)
    }

    /// The operator at the command line, in the tenant `default`: may do everything. `reason` says what for, and goes
    /// into the log.
    pub fn operator(&self, reason: &'static str) -> Caller {
        tracing::debug!(event = "operator.authorized", reason, "authorized the operator");
        let source = Source { actor: Actor::Operator, door: Door::Cli, address: None, request_id: None };
        Caller::new(ProcessScheme::operator(), source)
    }

    /// The gateway of its own accord: may do everything. `reason` says what for, and goes into the log.
    pub fn internal(&self, reason: &'static str) -> Caller {
        tracing::debug!(event = "gateway.authorized", reason, "authorized the gateway itself");
        Caller::new(ProcessScheme::gateway(), Source::gateway())
    }

    /// The user of the chat with this id: an administrator, or a guest. The chat itself must vouch for the id: one that
    /// somebody writes into a header or a body proves nothing.
    pub fn chat_user(&self, user: i64, request_id: Option<RequestId>) -> Caller {
        let source = Source { actor: Actor::Gateway, door: Door::Chat, address: None, request_id };
        Caller::new(self.chat.user(user), source)
    }

    /// Tells this observer of each principal that changes, for as long as what it gives is kept.
    pub fn observe(&self, observer: Arc<dyn PrincipalObserver>) -> Observation {
        self.observers.add(observer)
    }

    /// A key was changed here, and is now this: the cache forgets it, and its observers are told.
    pub fn key_changed(&self, key: &Key) {
        self.changed(key.id);
        self.observers.principal_changed(&PrincipalChange::of_key(key, &self.scopes, self.now()));
    }

    /// A key was revoked here: the cache forgets it, and its observers are told.
    pub fn key_revoked(&self, tenant: &TenantId, key: KeyId) {
        self.changed(key);
        let change = PrincipalChange { actor: Actor::Key(key), tenant: tenant.clone(), now: None };
        self.observers.principal_changed(&change);
    }

    /// A change of the key was made here, or may have been: what memory knows of it is forgotten at once.
    pub fn changed(&self, key: KeyId) {
        self.directory.freshness().changed(key);
    }
}
