//! How a guard in front of a route asks the gate: the same for every server.

use super::{QueryKeys, RequestInfo};
use crate::{
    AuthRequest, CredentialLocations, Gate, GateStep, QueryCredentials, RejectionReason, RequestedRoute, Requirement,
    presented::text,
};
use dalston_model::{Door, ErrorCode};
use std::sync::Arc;

/// What each method of a route needs, and where its credentials are taken. `M` is the server's type of methods.
pub struct GuardPolicy<M> {
    gate: Arc<Gate>,
    needs: Arc<Vec<(M, Option<Requirement>)>>,
    otherwise: Requirement,
    query_keys: QueryKeys,
    door: Door,
    route: &'static str,
}

impl<M: AsRef<str> + PartialEq> GuardPolicy<M> {
    /// A need for each method, where `None` asks nobody; `otherwise` of methods that are not listed.
    pub fn new(gate: Arc<Gate>, needs: Vec<(M, Option<Requirement>)>, otherwise: Requirement) -> Self {
        let (query_keys, door) = (QueryKeys::default(), Door::Http);
        Self { gate, needs: Arc::new(needs), otherwise, query_keys, door, route: "" }
    }

    /// Where a key in the query is taken.
    #[must_use]
    pub fn query_keys(self, query_keys: QueryKeys) -> Self {
        Self { query_keys, ..self }
    }

    /// The door that the route is. At [`Door::Stream`] the handler delivers refusals, where the request is a WebSocket
    /// handshake: a browser reads no refused one.
    #[must_use]
    pub fn door(self, door: Door) -> Self {
        Self { door, ..self }
    }

    /// The pattern of the route, for the record of the master key's uses.
    #[must_use]
    pub fn route(self, route: &'static str) -> Self {
        Self { route, ..self }
    }

    /// The gate that is asked.
    pub const fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// What the method needs; `None` asks nobody. HEAD is GET without its body.
    pub fn need(&self, method: &M) -> Option<Requirement> {
        let is_head = method.as_ref() == "HEAD";
        let is = |of: &M| if is_head { of.as_ref() == "GET" } else { of == method };
        self.needs.iter().find(|(of, _)| is(of)).map_or(Some(self.otherwise), |(_, need)| *need)
    }

    /// Asks the gate about a request: its method, its query as the client sent it, its headers with names in any case.
    /// The head is read once, however the gate decides.
    pub fn authenticate<'a>(
        &self,
        method: &'a M,
        query: &'a str,
        headers: impl Iterator<Item = (&'a str, &'a [u8])>,
        info: &RequestInfo,
        need: Requirement,
    ) -> GateStep {
        let in_query = QueryCredentials::of(query);
        let presented = self.gate.presented(headers, &in_query, self.places());
        let attempt = AuthRequest {
            credential: presented.credential,
            tenant: presented.tenant,
            door: self.door,
            asked: RequestedRoute { method: method.as_ref(), route: self.route },
            origin: presented.origin,
            address: info.address,
            request_id: Some(info.id),
        };
        self.gate.try_authenticate_cached(&attempt, need)
    }

    /// Whether the guard answers for a refusal itself. A handler does only where a WebSocket can carry it.
    pub fn answers(&self, refusal: RejectionReason, is_handshake: impl FnOnce() -> bool) -> bool {
        let stays_http = matches!(refusal.code(), ErrorCode::Unavailable | ErrorCode::NotFound);
        self.door != Door::Stream || stays_http || !is_handshake()
    }

    /// Where credentials are taken.
    fn places(&self) -> CredentialLocations {
        let stream = self.door == Door::Stream;
        let query = match self.query_keys {
            // The specification of MCP forbids it (MCP-03).
            _ if self.door == Door::Mcp => false,
            QueryKeys::All => true,
            QueryKeys::Stream => stream,
            QueryKeys::Off => false,
        };
        CredentialLocations { query, stream }
    }
}

impl<M> Clone for GuardPolicy<M> {
    fn clone(&self) -> Self {
        let Self { gate, needs, otherwise, query_keys, door, route } = self;
        let (gate, needs) = (gate.clone(), needs.clone());
        Self { gate, needs, otherwise: *otherwise, query_keys: *query_keys, door: *door, route }
    }
}

/// Whether a request opens a WebSocket (RFC 6455 §4.2.1), as a handler will see it. `header` gives the first value of a
/// header, by its name in lower case.
pub fn is_handshake<'a>(method: &str, header: impl Fn(&'static str) -> Option<&'a [u8]>) -> bool {
    let names = |name, word: &str| {
        let value = header(name).and_then(text).unwrap_or_default();
        value.split(',').any(|part| part.trim().eq_ignore_ascii_case(word))
    };
    method == "GET"
        && names("upgrade", "websocket")
        && names("connection", "upgrade")
        && ["7", "8", "13"].into_iter().any(|version| names("sec-websocket-version", version))
        && header("sec-websocket-key").is_some()
}
