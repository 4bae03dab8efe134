//! The process itself: the operator at the command line, and the gateway on its own account.
//!
//! Neither presents a credential: a user who can run the program has access to the store anyway.

use super::{Authentication, CredentialScheme};
use crate::{AuthRequest, Credential, RejectionReason, credential::CredentialLocation, identity::Identity};
use dalston_model::{Actor, Principal, PrincipalKind, TenantId};
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, ready},
};
use std::{sync::Arc, time::Duration};

/// The kind of the gateway itself.
const GATEWAY: PrincipalKind = PrincipalKind::new("gateway");

/// Revalidates the principals of the process. They are valid for as long as it runs.
pub(crate) struct ProcessScheme;

impl ProcessScheme {
    /// Returns the identity of the operator.
    pub(crate) fn operator() -> Identity {
        Identity::Other(Arc::new(Principal::operator(TenantId::first().clone())))
    }

    /// Returns the identity of the gateway.
    pub(crate) fn gateway() -> Identity {
        let operator = Principal::operator(TenantId::first().clone());
        Identity::Other(Arc::new(Principal { kind: GATEWAY, actor: Actor::Gateway, ..operator }))
    }
}

impl CredentialScheme for ProcessScheme {
    fn takes_from(&self, _: CredentialLocation) -> bool {
        false
    }

    fn authenticate(&self, _: &Credential<'_>, _: &AuthRequest<'_>, _: Duration) -> Authentication {
        Authentication::Unrecognised
    }

    fn owns_kind(&self, kind: PrincipalKind) -> bool {
        [PrincipalKind::OPERATOR, GATEWAY].contains(&kind)
    }

    fn revalidate<'a>(&'a self, principal: &'a Principal) -> BoxFuture<'a, Result<Identity, RejectionReason>> {
        let identity = match principal.actor {
            Actor::Operator => Ok(Self::operator()),
            Actor::Gateway => Ok(Self::gateway()),
            _ => Err(RejectionReason::InvalidCredential),
        };
        ready(identity).boxed()
    }
}
