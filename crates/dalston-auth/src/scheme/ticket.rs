//! Tickets: single-use credentials for browsers. A ticket acts as a key at one route.

use super::{Authenticated, Authentication, CredentialScheme, TicketTerms};
use crate::{
    AuthRequest, Credential, Digester, RejectionReason, Ticket,
    credential::CredentialLocation,
    identity::{Identity, TICKET},
    live_keys::LiveKeys,
};
use dalston_model::{Principal, PrincipalKind};
use futures_util::{FutureExt as _, future::BoxFuture};
use std::time::Duration;

/// Authenticates tickets. The first attempt consumes a ticket, whether or not it succeeds.
pub(crate) struct TicketScheme {
    pub(crate) digester: Digester,
    pub(crate) keys: LiveKeys,
}

impl CredentialScheme for TicketScheme {
    fn takes_from(&self, location: CredentialLocation) -> bool {
        matches!(location, CredentialLocation::Ticket | CredentialLocation::Protocol)
    }

    fn authenticate(&self, credential: &Credential<'_>, request: &AuthRequest<'_>, _: Duration) -> Authentication {
        // Clients of OpenAI's carry a key or a ticket in the same subprotocol.
        if credential.location == CredentialLocation::Protocol && !Ticket::is_meant(credential.token) {
            return Authentication::Unrecognised;
        }
        let Some(secret) = Ticket::parse(credential.token) else { return Authentication::Failed };
        let name = Ticket::name(&self.digester, &secret);
        let keys = self.keys.clone();
        let (route, origin) = (request.asked.route.to_owned(), request.origin.map(str::to_owned));
        // A ticket names its tenant itself, so a request that also names one is rejected.
        let names_tenant = request.tenant.is_some();
        let lookup = async move {
            let taken = keys.storage.notes.take_entry(&name).await.map_err(|error| {
                tracing::error!(event = "ticket.lookup_failed", %error, "could not look up a ticket");
                RejectionReason::Unavailable
            })?;
            let ticket = taken.and_then(|note| Ticket::from_note(&note));
            let fits = |ticket: &Ticket| !names_tenant && ticket.opens(&route, origin.as_deref());
            let Some(ticket) = ticket.filter(fits) else { return Ok(None) };
            let live = keys.find(&ticket.key_tenant, ticket.key).await?;
            let terms = TicketTerms { tenant: ticket.tenant, session_limit: ticket.session_limit };
            Ok(live.map(|cached_key| Authenticated {
                identity: Identity::Ticket(cached_key),
                ticket: Some(Box::new(terms)),
            }))
        };
        Authentication::Lookup(lookup.boxed())
    }

    fn owns_kind(&self, kind: PrincipalKind) -> bool {
        kind == TICKET
    }

    fn revalidate<'a>(&'a self, principal: &'a Principal) -> BoxFuture<'a, Result<Identity, RejectionReason>> {
        async move { self.keys.revalidate(principal).await.map(Identity::Ticket) }.boxed()
    }
}
