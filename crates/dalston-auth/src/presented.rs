//! Extracts the credentials of a request, and the tenant and the origin that it names: in one pass over the head, for
//! any server.

use crate::{
    Credential, KeyPrefix, Product, RejectionReason,
    credential::{CandidateCredentials, CredentialLocation},
};

/// Which locations of a route accept a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CredentialLocations {
    /// Whether a key in the query is accepted.
    pub query: bool,
    /// Whether the route opens a stream: tickets and credentials in subprotocols are accepted.
    pub stream: bool,
}

/// The credentials of a query, decoded.
#[derive(Default)]
pub struct QueryCredentials {
    keys: Vec<String>,
    tickets: Vec<String>,
}

impl QueryCredentials {
    /// Extracts every `api_key` and every `ticket` from a raw query string.
    pub fn of(query: &str) -> Self {
        let mut found = Self::default();
        if query.is_empty() {
            return found;
        }
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "api_key" => found.keys.push(value.into_owned()),
                "ticket" => found.tickets.push(value.into_owned()),
                _ => {}
            }
        }
        found
    }
}

/// The credentials of a request, and the tenant and the origin that it names.
pub struct PresentedCredentials<'a> {
    /// The one credential, or why there is none.
    pub credential: Result<Credential<'a>, RejectionReason>,
    /// The tenant that a platform caller names in the tenant header; `None` without the header.
    ///
    /// If the header occurs more than once, or holds characters that are not visible ASCII, spaces or tabs, this is the
    /// empty string, which no tenant has as its name.
    pub tenant: Option<&'a str>,
    /// The `Origin` header, on routes that open a stream: a ticket is bound to an origin.
    pub origin: Option<&'a str>,
}

impl<'a> PresentedCredentials<'a> {
    /// Extracts the credentials from the headers, whose names may be in any case, and the query.
    ///
    /// `product` determines the tenant header and the subprotocol of tickets. `prefix` is the prefix of secrets, for
    /// the rejection of a missing credential.
    pub(crate) fn read<'h: 'a>(
        headers: impl Iterator<Item = (&'h str, &'h [u8])>,
        query: &'a QueryCredentials,
        locations: CredentialLocations,
        product: &Product,
        prefix: KeyPrefix,
    ) -> Self {
        let mut candidates = CandidateCredentials::default();
        let (mut tenant, mut origin): (_, Option<Option<_>>) = (None, None);
        for (name, value) in headers {
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            if is("authorization") {
                candidates.add(CredentialLocation::Authorization, value);
            } else if is("x-api-key") || is("xi-api-key") {
                candidates.add(CredentialLocation::ApiKey, value);
            } else if is(product.tenant_header()) {
                tenant = Some(text(value).filter(|_| tenant.is_none()).unwrap_or_default());
            } else if locations.stream && is("origin") {
                origin = origin.or(Some(text(value)));
            } else if locations.stream && is("sec-websocket-protocol") {
                for (location, value) in protocols(value, product) {
                    candidates.add(location, value);
                }
            }
        }
        for key in &query.keys {
            candidates.add(CredentialLocation::Query { taken: locations.query }, key.as_bytes());
        }
        if locations.stream {
            for ticket in &query.tickets {
                candidates.add(CredentialLocation::Ticket, ticket.as_bytes());
            }
        }
        Self { credential: candidates.choose(prefix), tenant, origin: origin.flatten() }
    }
}

/// Extracts the credentials from the subprotocols. A browser can set no other header of a WebSocket request to a value
/// of its own.
fn protocols<'a>(value: &'a [u8], product: &Product) -> impl Iterator<Item = (CredentialLocation, &'a [u8])> {
    text(value).unwrap_or_default().split(',').map(str::trim).filter_map(|protocol| {
        let ticket = protocol.strip_prefix(product.ticket_protocol()).map(|value| (CredentialLocation::Ticket, value));
        let secret =
            || protocol.strip_prefix("openai-insecure-api-key.").map(|value| (CredentialLocation::Protocol, value));
        ticket.or_else(secret).map(|(location, value)| (location, value.as_bytes()))
    })
}

/// Returns the value of a header as text, if it consists of visible ASCII characters, spaces and tabs.
pub(crate) fn text(value: &[u8]) -> Option<&str> {
    let fits = |byte: &u8| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\t');
    std::str::from_utf8(value).ok().filter(|_| value.iter().all(fits))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: CredentialLocations = CredentialLocations { query: true, stream: true };

    fn chosen(
        headers: &[(&str, &str)],
        query: &str,
        locations: CredentialLocations,
    ) -> Result<(String, CredentialLocation), RejectionReason> {
        let query = QueryCredentials::of(query);
        let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
        let credential =
            PresentedCredentials::read(headers, &query, locations, &Product::default(), KeyPrefix::default())
                .credential?;
        Ok((String::from_utf8(credential.token.to_vec()).unwrap(), credential.location))
    }

    #[test]
    fn every_key_in_a_query_is_seen() {
        let found = QueryCredentials::of("a=1&api_key=x&api%5Fkey=y&API_KEY=z&ticket=t");
        assert_eq!((found.keys, found.tickets), (vec!["x".to_owned(), "y".to_owned()], vec!["t".to_owned()]));
        assert!(QueryCredentials::of("").keys.is_empty());
    }

    #[test]
    fn tickets_are_seen_at_the_door_of_streams_only() {
        let of = |protocol: &str, query: &str, stream| {
            chosen(&[("sec-websocket-protocol", protocol)], query, CredentialLocations { query: true, stream })
        };
        assert_eq!(of("dalston, dalston.ticket.dt_1", "", true), Ok(("dt_1".to_owned(), CredentialLocation::Ticket)));
        assert_eq!(
            of("realtime,openai-insecure-api-key.dk_1", "", true),
            Ok(("dk_1".to_owned(), CredentialLocation::Protocol))
        );
        assert_eq!(
            of("realtime, openai-insecure-api-key.dt_1", "", true),
            Ok(("dt_1".to_owned(), CredentialLocation::Protocol))
        );
        assert_eq!(of("dalston", "ticket=dt_1", true), Ok(("dt_1".to_owned(), CredentialLocation::Ticket)));
        assert_eq!(of("dalston.ticket.a, dalston.ticket.a", "", true), Err(RejectionReason::AmbiguousCredential));
        assert_eq!(of("dalston.ticket.a", "ticket=a", true), Err(RejectionReason::AmbiguousCredential));
        assert_eq!(of("dalston.ticket.a", "api_key=a", true), Err(RejectionReason::AmbiguousCredential));
        let missing = RejectionReason::MissingCredential(KeyPrefix::default());
        assert_eq!(of("dalston.ticket.a", "ticket=a", false), Err(missing));
    }

    #[test]
    fn credentials_of_all_places_are_counted_together() {
        let (key, bearer) = (("x-api-key", "t"), ("authorization", "Bearer t"));
        assert_eq!(
            chosen(&[key], "", CredentialLocations::default()),
            Ok(("t".to_owned(), CredentialLocation::ApiKey))
        );
        assert_eq!(chosen(&[("xi-api-key", "t")], "", STREAM), Ok(("t".to_owned(), CredentialLocation::ApiKey)));
        assert_eq!(
            chosen(&[("Authorization", "Bearer t")], "", STREAM),
            Ok(("t".to_owned(), CredentialLocation::Authorization))
        );
        for two in [[key, bearer], [key, ("xi-api-key", "t")], [bearer, ("authorization", "bearer t")]] {
            assert_eq!(
                chosen(&two, "", CredentialLocations::default()),
                Err(RejectionReason::AmbiguousCredential),
                "{two:?}"
            );
        }
        for one in [key, bearer] {
            assert_eq!(
                chosen(&[one], "api_key=t", CredentialLocations::default()),
                Err(RejectionReason::AmbiguousCredential),
                "{one:?}"
            );
        }
    }

    #[test]
    fn two_tenants_are_none() {
        let (query, product) = (QueryCredentials::default(), Product::named("notes").unwrap());
        let named = |name: &'static str, values: &[&[u8]]| {
            let headers = values.iter().map(|value| (name, *value));
            let presented = PresentedCredentials::read(headers, &query, STREAM, &product, KeyPrefix::default());
            presented.tenant.map(str::to_owned)
        };
        let tenant = |values: &[&[u8]]| named("x-notes-tenant", values);
        assert_eq!(named("x-dalston-tenant", &[b"acme"]), None, "that is another product's");
        assert_eq!(named("X-Notes-Tenant", &[b"acme"]), Some("acme".to_owned()), "in any case");
        assert_eq!(tenant(&[]), None);
        assert_eq!(tenant(&[b"acme"]), Some("acme".to_owned()));
        for none in [&[&b"acme"[..], b"acme"][..], &[b"\xff"], &[b""], &[b"a", b"b", b"c"]] {
            assert_eq!(tenant(none), Some(String::new()), "{none:?}");
        }
    }
}
