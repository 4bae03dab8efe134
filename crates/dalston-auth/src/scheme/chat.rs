//! Users of the chat. They present no credential: the chat itself vouches for their ids.

use super::{Authentication, CredentialScheme};
use crate::{
    Administrators, AuthRequest, Credential, RejectionReason, credential::CredentialLocation, identity::Identity,
};
use dalston_model::{Actor, Principal, PrincipalKind, ScopeSet, TenantId};
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, ready},
};
use std::{sync::Arc, time::Duration};

/// The kind of an administrator of the chat.
const ADMINISTRATOR: PrincipalKind = PrincipalKind::new("chat_admin");
/// The kind of every other user of the chat.
pub(crate) const GUEST: PrincipalKind = PrincipalKind::new("chat_guest");

/// Distinguishes the administrators, whom the settings name, from the guests.
pub(crate) struct ChatScheme {
    pub(crate) administrators: Administrators,
}

impl ChatScheme {
    /// Returns the identity of the user with this id.
    pub(crate) fn user(&self, user: i64) -> Identity {
        let (kind, actor, scopes) = if self.administrators.ids().contains(&user) {
            (ADMINISTRATOR, Actor::ChatAdmin(user), ScopeSet::ADMIN)
        } else {
            (GUEST, Actor::ChatGuest(user), ScopeSet::NONE)
        };
        Identity::Other(Arc::new(Principal { kind, actor, tenant: TenantId::first().clone(), scopes, expires: None }))
    }
}

impl CredentialScheme for ChatScheme {
    fn takes_from(&self, _: CredentialLocation) -> bool {
        false
    }

    fn authenticate(&self, _: &Credential<'_>, _: &AuthRequest<'_>, _: Duration) -> Authentication {
        Authentication::Unrecognised
    }

    fn owns_kind(&self, kind: PrincipalKind) -> bool {
        [ADMINISTRATOR, GUEST].contains(&kind)
    }

    fn revalidate<'a>(&'a self, principal: &'a Principal) -> BoxFuture<'a, Result<Identity, RejectionReason>> {
        let identity = match principal.actor {
            Actor::ChatAdmin(user) | Actor::ChatGuest(user) => Ok(self.user(user)),
            _ => Err(RejectionReason::InvalidCredential),
        };
        ready(identity).boxed()
    }
}
