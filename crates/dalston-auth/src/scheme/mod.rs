//! Credential schemes: one file per kind of credential.
//!
//! A scheme recognises its credentials by location and format, authenticates them, and revalidates principals that it
//! authenticated earlier. The gate holds a list of schemes.

pub(crate) mod chat;
pub(crate) mod key;
pub(crate) mod master;
pub(crate) mod process;
pub(crate) mod ticket;

use crate::{AuthRequest, Credential, RejectionReason, credential::CredentialLocation, identity::Identity};
use dalston_model::{Principal, PrincipalKind, TenantId};
use futures_util::future::BoxFuture;
use std::time::Duration;

/// One kind of credential.
pub(crate) trait CredentialScheme: Send + Sync {
    /// Returns whether this scheme accepts credentials from this location. The gate passes it no others.
    fn takes_from(&self, location: CredentialLocation) -> bool;

    /// Authenticates a credential of this scheme, from the cache where the cache is known to be current.
    ///
    /// `at` is the node's monotonic time.
    fn authenticate(&self, credential: &Credential<'_>, request: &AuthRequest<'_>, at: Duration) -> Authentication;

    /// Returns whether principals of this kind belong to this scheme.
    fn owns_kind(&self, kind: PrincipalKind) -> bool;

    /// Returns the current state of a principal, for a caller that was authenticated long ago.
    ///
    /// Fails with [`RejectionReason::InvalidCredential`] if the principal is no longer valid, and with
    /// [`RejectionReason::Unavailable`] in an outage.
    fn revalidate<'a>(&'a self, principal: &'a Principal) -> BoxFuture<'a, Result<Identity, RejectionReason>>;
}

/// The result of a scheme for a credential.
pub(crate) enum Authentication {
    /// The credential belongs to another scheme.
    Unrecognised,
    /// The credential has the location or format of this scheme, but is invalid.
    Failed,
    /// The credential is valid, according to the cache.
    Known(Authenticated),
    /// The store must be asked. The future returns `None` if the credential is invalid.
    Lookup(BoxFuture<'static, Result<Option<Authenticated>, RejectionReason>>),
}

/// An authenticated principal, and the terms of its credential.
pub(crate) struct Authenticated {
    pub(crate) identity: Identity,
    /// The terms of a ticket, if the credential is one.
    pub(crate) ticket: Option<Box<TicketTerms>>,
}

/// The terms under which a ticket was issued.
pub(crate) struct TicketTerms {
    /// The tenant that the ticket works in.
    pub(crate) tenant: TenantId,
    /// The maximum duration of a session that the ticket opens.
    pub(crate) session_limit: Option<Duration>,
}

impl From<Identity> for Authenticated {
    fn from(identity: Identity) -> Self {
        Self { identity, ticket: None }
    }
}
