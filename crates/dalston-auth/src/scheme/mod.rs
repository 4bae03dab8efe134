//! Credential schemes: one file for each kind of credential. A scheme recognises its credentials by place and shape,
//! authenticates them, and revalidates the principals that it authenticated before. The gate has a list of them.

pub(crate) mod chat;
pub(crate) mod key;
pub(crate) mod master;
pub(crate) mod process;
pub(crate) mod ticket;

use crate::{AuthRequest, Credential, RejectionReason, credential::CredentialLocation, standing::Identity};
use dalston_model::{Principal, PrincipalKind, TenantId};
use futures_util::future::BoxFuture;
use std::time::Duration;

/// One kind of credential.
pub(crate) trait CredentialScheme: Send + Sync {
    /// Whether this scheme takes credentials from this location. The gate asks it about no others.
    fn takes_from(&self, location: CredentialLocation) -> bool;

    /// Authenticates a credential of this scheme, from memory where that is known to be right. `at` is the node's
    /// monotonic time.
    fn authenticate(&self, credential: &Credential<'_>, attempt: &AuthRequest<'_>, at: Duration) -> Authentication;

    /// Whether principals of this kind are this scheme's.
    fn vouches_for(&self, kind: PrincipalKind) -> bool;

    /// The principal as it is now: for whoever acts on when the request was authenticated long ago. Fails with
    /// [`RejectionReason::InvalidCredential`] once it is no more, and with [`RejectionReason::Unavailable`] in an outage.
    fn revalidate<'a>(&'a self, principal: &'a Principal) -> BoxFuture<'a, Result<Identity, RejectionReason>>;
}

/// What a scheme says of a credential.
pub(crate) enum Authentication {
    /// It is of another scheme.
    Unrecognised,
    /// It has the place or the shape of this scheme, and is nobody's.
    Failed,
    /// It is authenticated, from memory.
    Known(Authenticated),
    /// The store must be asked. `None`: it is nobody's.
    Lookup(BoxFuture<'static, Result<Option<Authenticated>, RejectionReason>>),
}

/// An authenticated principal, and what its credential says besides.
pub(crate) struct Authenticated {
    pub(crate) standing: Identity,
    /// What a ticket was made for.
    pub(crate) ticket: Option<Box<TicketTerms>>,
}

/// What a ticket was made for.
pub(crate) struct TicketTerms {
    /// The tenant that it works in.
    pub(crate) tenant: TenantId,
    /// How long what it opens may last.
    pub(crate) session_limit: Option<Duration>,
}

impl From<Identity> for Authenticated {
    fn from(standing: Identity) -> Self {
        Self { standing, ticket: None }
    }
}
