//! What a request presents: all credentials, wherever they are.

use actix_web::{HttpRequest, http::header, web::Query};
use dalston_auth::{Candidate, Credential, Place, Refusal};

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

/// The one credential of the request, or why there is none. `in_query` are its [`query_keys`].
pub(crate) fn presented<'a>(
    request: &'a HttpRequest,
    in_query: &'a [String],
    query_taken: bool,
) -> Result<Credential<'a>, Refusal> {
    let headers = request.headers();
    let authorization = headers.get_all(header::AUTHORIZATION).map(|value| (Place::Authorization, value));
    let names = ["x-api-key", "xi-api-key"];
    let keys = names.into_iter().flat_map(|name| headers.get_all(name)).map(|value| (Place::ApiKey, value));
    let in_headers = authorization.chain(keys).map(|(place, value)| Candidate { place, value: value.as_bytes() });
    let place = Place::Query { taken: query_taken };
    let in_query = in_query.iter().map(|value| Candidate { place, value: value.as_bytes() });
    Credential::choose(in_headers.chain(in_query))
}

/// Every `api_key` of a query, decoded.
pub(crate) fn query_keys(query: &str) -> Vec<String> {
    if query.is_empty() {
        return Vec::new();
    }
    let pairs = Query::<Vec<(String, String)>>::from_query(query).map(Query::into_inner).unwrap_or_default();
    pairs.into_iter().filter(|(name, _)| name == "api_key").map(|(_, value)| value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_in_a_query_is_seen() {
        assert_eq!(query_keys("a=1&api_key=x&api%5Fkey=y&API_KEY=z"), ["x", "y"]);
        assert_eq!(query_keys(""), [""; 0]);
    }
}
