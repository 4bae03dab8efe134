//! API keys: `Authorization: Bearer dk_…`, `X-API-Key`, and the query parameter on routes that accept it.

use super::{Authenticated, Authentication, CredentialScheme};
use crate::{
    AuthRequest, Credential, Digester, KeyFormat, RejectionReason, credential::CredentialLocation, identity::Identity,
    key_cache::KeyCache, live_keys::LiveKeys, pepper::PepperRecord,
};
use dalston_model::{Principal, PrincipalKind};
use futures_util::{FutureExt as _, future::BoxFuture};
use std::{sync::Arc, time::Duration};

/// Authenticates keys from the cache, or by one read of the store per key.
pub(crate) struct KeyScheme {
    pub(crate) format: KeyFormat,
    pub(crate) digester: Digester,
    pub(crate) cache: Arc<KeyCache>,
    pub(crate) pepper: Arc<PepperRecord>,
    pub(crate) keys: LiveKeys,
}

impl CredentialScheme for KeyScheme {
    fn takes_from(&self, location: CredentialLocation) -> bool {
        use CredentialLocation::{ApiKey, Authorization, Protocol, Query};
        matches!(location, Authorization | ApiKey | Query { .. } | Protocol)
    }

    fn authenticate(&self, credential: &Credential<'_>, _: &AuthRequest<'_>, at: Duration) -> Authentication {
        let Some(secret) = self.format.check(credential.token) else { return Authentication::Unrecognised };
        let digest = self.digester.digest(secret);
        if let Some(cached_key) = self.cache.get(&digest, at) {
            return Authentication::Known(Identity::Key(cached_key).into());
        }
        let (cache, pepper) = (self.cache.clone(), self.pepper.clone());
        let lookup = async move {
            // The cache has logged the cause.
            let found = cache.find(&digest).await.map_err(|_| RejectionReason::Unavailable)?;
            if found.is_some() {
                pepper.confirmed();
            }
            Ok(found.map(|cached_key| Authenticated::from(Identity::Key(cached_key))))
        };
        Authentication::Lookup(lookup.boxed())
    }

    fn owns_kind(&self, kind: PrincipalKind) -> bool {
        kind == PrincipalKind::KEY
    }

    fn revalidate<'a>(&'a self, principal: &'a Principal) -> BoxFuture<'a, Result<Identity, RejectionReason>> {
        async move { self.keys.revalidate(principal).await.map(Identity::Key) }.boxed()
    }
}
