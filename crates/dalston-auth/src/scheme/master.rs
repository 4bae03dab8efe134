//! The master key: the operator's own secret, accepted only as a bearer token.

use super::{Authenticated, Authentication, CredentialScheme};
use crate::{AuthRequest, Credential, MasterKeys, RejectionReason, credential::CredentialLocation, identity::Identity};
use dalston_model::{
    Actor, AuditEntry, KeyAction, Principal, PrincipalKind, ScopeSet, SharedClock, Source, Target, TenantId,
};
use dalston_store::FeedStore;
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, ready},
};
use serde_json::json;
use std::{sync::Arc, time::Duration};

/// The kind of a principal that was authenticated with the master key.
const KIND: PrincipalKind = PrincipalKind::new("master");

/// Authenticates the master keys of the settings. Each use is written to the audit log first.
pub(crate) struct MasterScheme {
    pub(crate) masters: MasterKeys,
    pub(crate) feed: Arc<dyn FeedStore>,
    pub(crate) clock: SharedClock,
}

impl MasterScheme {
    fn identity() -> Identity {
        Identity::Other(Arc::new(Principal {
            kind: KIND,
            actor: Actor::Master,
            tenant: TenantId::first().clone(),
            scopes: ScopeSet::PLATFORM,
            expires: None,
        }))
    }
}

impl CredentialScheme for MasterScheme {
    fn takes_from(&self, location: CredentialLocation) -> bool {
        location == CredentialLocation::Authorization
    }

    fn authenticate(&self, credential: &Credential<'_>, request: &AuthRequest<'_>, _: Duration) -> Authentication {
        if !self.masters.holds(credential.token) {
            return Authentication::Unrecognised;
        }
        let named = request.tenant.and_then(|tenant| tenant.parse().ok());
        let tenant: TenantId = named.unwrap_or_else(|| TenantId::first().clone());
        let source = Source { actor: Actor::Master, ..request.source() };
        let detail = json!({"method": request.asked.method, "route": request.asked.route});
        let target = Target::tenant(&tenant);
        let entry =
            AuditEntry { time: self.clock.now(), tenant, source, action: KeyAction::MASTER_USED, target, detail };
        let feed = self.feed.clone();
        // Recorded in the tenant that the request names, whether or not the request succeeds. If the use cannot be
        // recorded, the request is rejected.
        let record = async move {
            feed.record(&entry).await.map_err(|error| {
                tracing::error!(event = "master_key.record_failed", %error, "could not record a use of the master key");
                RejectionReason::Unavailable
            })?;
            Ok(Some(Authenticated::from(Self::identity())))
        };
        Authentication::Lookup(record.boxed())
    }

    fn owns_kind(&self, kind: PrincipalKind) -> bool {
        kind == KIND
    }

    /// Always succeeds: the master keys change only with a restart.
    fn revalidate<'a>(&'a self, _: &'a Principal) -> BoxFuture<'a, Result<Identity, RejectionReason>> {
        ready(Ok(Self::identity())).boxed()
    }
}
