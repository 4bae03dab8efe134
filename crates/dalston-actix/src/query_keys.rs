//! What a request presents: all credentials, wherever they are.

use crate::names::{API_KEY, XI_API_KEY};
use actix_web::{HttpRequest, http::header, web::Query};
use dalston_auth::{Candidate, Credential, KeyPrefix, Place, Refusal};

/// Where a key in the query is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QueryKeys {
    /// On the stream's route only.
    #[default]
    Stream,
    /// On every route.
    All,
    /// Nowhere.
    Off,
}

/// What the query presents, decoded.
#[derive(Default)]
pub(crate) struct InQuery {
    keys: Vec<String>,
    tickets: Vec<String>,
}

/// The one credential of the request, or why there is none. Tickets are taken at the door of streams only.
pub(crate) fn presented<'a>(
    request: &'a HttpRequest,
    in_query: &'a InQuery,
    query_taken: bool,
    is_stream: bool,
    prefix: KeyPrefix,
) -> Result<Credential<'a>, Refusal> {
    // One pass: a request has few headers, and each look-up by name hashes it.
    let in_headers = request.headers().iter().filter_map(|(name, value)| {
        let place = if *name == header::AUTHORIZATION {
            Place::Authorization
        } else if *name == API_KEY || *name == XI_API_KEY {
            Place::ApiKey
        } else {
            return None;
        };
        Some(Candidate { place, value: value.as_bytes() })
    });
    let candidate = |place, value: &'a String| Candidate { place, value: value.as_bytes() };
    let place = Place::Query { taken: query_taken };
    let keys = in_query.keys.iter().map(|value| candidate(place, value));
    if !is_stream {
        return Credential::choose(in_headers.chain(keys), prefix);
    }
    let tickets = in_query.tickets.iter().map(|value| candidate(Place::Ticket, value));
    Credential::choose(in_headers.chain(keys).chain(tickets).chain(protocols(request)), prefix)
}

/// What a browser presents among the subprotocols, where alone it can put something into the head of a WebSocket.
fn protocols(request: &HttpRequest) -> impl Iterator<Item = Candidate<'_>> {
    let offered = request.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL).filter_map(|value| value.to_str().ok());
    offered.flat_map(|value| value.split(',').map(str::trim)).filter_map(|protocol| {
        let ticket = protocol.strip_prefix("dalston.ticket.").map(|value| (Place::Ticket, value));
        let secret = || protocol.strip_prefix("openai-insecure-api-key.").map(|value| (Place::Protocol, value));
        ticket.or_else(secret).map(|(place, value)| Candidate { place, value: value.as_bytes() })
    })
}

/// Every `api_key` and every `ticket` of a query.
pub(crate) fn in_query(query: &str) -> InQuery {
    let mut found = InQuery::default();
    if query.is_empty() {
        return found;
    }
    let pairs = Query::<Vec<(String, String)>>::from_query(query).map(Query::into_inner).unwrap_or_default();
    for (name, value) in pairs {
        match name.as_str() {
            "api_key" => found.keys.push(value),
            "ticket" => found.tickets.push(value),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn every_key_in_a_query_is_seen() {
        let found = in_query("a=1&api_key=x&api%5Fkey=y&API_KEY=z&ticket=t");
        assert_eq!((found.keys, found.tickets), (vec!["x".to_owned(), "y".to_owned()], vec!["t".to_owned()]));
        assert!(in_query("").keys.is_empty());
    }

    #[test]
    fn tickets_are_seen_at_the_door_of_streams_only() {
        let chosen = |protocol: &str, query: &str, is_stream| {
            let request = TestRequest::get().insert_header(("sec-websocket-protocol", protocol)).to_http_request();
            let in_query = in_query(query);
            presented(&request, &in_query, true, is_stream, KeyPrefix::default())
                .map(|it| (it.token.to_owned(), it.is_ticket))
        };
        assert_eq!(chosen("dalston, dalston.ticket.dt_1", "", true), Ok(("dt_1".to_owned(), true)));
        assert_eq!(chosen("realtime,openai-insecure-api-key.dk_1", "", true), Ok(("dk_1".to_owned(), false)));
        assert_eq!(chosen("realtime, openai-insecure-api-key.dt_1", "", true), Ok(("dt_1".to_owned(), true)));
        assert_eq!(chosen("dalston", "ticket=dt_1", true), Ok(("dt_1".to_owned(), true)));
        assert_eq!(chosen("dalston.ticket.a, dalston.ticket.a", "", true), Err(Refusal::AmbiguousCredential));
        assert_eq!(chosen("dalston.ticket.a", "ticket=a", true), Err(Refusal::AmbiguousCredential));
        assert_eq!(chosen("dalston.ticket.a", "api_key=a", true), Err(Refusal::AmbiguousCredential));
        let missing = Refusal::MissingCredential(KeyPrefix::default());
        assert_eq!(chosen("dalston.ticket.a", "ticket=a", false), Err(missing));
    }
}
