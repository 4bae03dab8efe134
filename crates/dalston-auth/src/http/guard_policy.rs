//! The policy of a route guard: how it consults the gate. It is the same for every HTTP server.

use super::{QueryKeys, RequestInfo};
use crate::{
    AuthRequest, CredentialLocations, Gate, GateStep, QueryCredentials, RejectionReason, RequestedRoute, Requirement,
    presented::text,
};
use dalston_model::{Door, ErrorCode};
use std::sync::Arc;

/// What each method of a route requires, and where its credentials are accepted.
///
/// `M` is the server's type of HTTP methods.
pub struct GuardPolicy<M> {
    gate: Arc<Gate>,
    requirements: Arc<Vec<(M, Option<Requirement>)>>,
    otherwise: Requirement,
    query_keys: QueryKeys,
    door: Door,
    route: &'static str,
}

impl<M: AsRef<str> + PartialEq> GuardPolicy<M> {
    /// Creates a policy with a requirement for each method.
    ///
    /// `None` makes a method public: it is not authenticated. `otherwise` is the requirement of methods that are not
    /// listed. By default, keys in the query are accepted according to [`QueryKeys::default`], and the interface
    /// is [`Door::Http`].
    pub fn new(gate: Arc<Gate>, requirements: Vec<(M, Option<Requirement>)>, otherwise: Requirement) -> Self {
        let (query_keys, door) = (QueryKeys::default(), Door::Http);
        Self { gate, requirements: Arc::new(requirements), otherwise, query_keys, door, route: "" }
    }

    /// Sets where a key in the query is accepted.
    #[must_use]
    pub fn query_keys(self, query_keys: QueryKeys) -> Self {
        Self { query_keys, ..self }
    }

    /// Sets the interface that the route belongs to.
    ///
    /// At [`Door::Stream`] the handler delivers rejections of a WebSocket handshake, because a browser does not expose
    /// the response of a rejected handshake to the page.
    #[must_use]
    pub fn door(self, door: Door) -> Self {
        Self { door, ..self }
    }

    /// Sets the route pattern, for the audit log of master key uses.
    #[must_use]
    pub fn route(self, route: &'static str) -> Self {
        Self { route, ..self }
    }

    /// Returns the gate.
    pub const fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// Returns the requirement of the method; `None` if it is public. HEAD has the requirement of GET.
    pub fn requirement(&self, method: &M) -> Option<Requirement> {
        let is_head = method.as_ref() == "HEAD";
        let is = |of: &M| if is_head { of.as_ref() == "GET" } else { of == method };
        self.requirements.iter().find(|(of, _)| is(of)).map_or(Some(self.otherwise), |(_, requirement)| *requirement)
    }

    /// Authenticates and authorizes a request.
    ///
    /// Takes its method, its raw query, and its headers, whose names may be in any case. The head is read only once,
    /// even if the decision needs a call of the store.
    pub fn authenticate<'a>(
        &self,
        method: &'a M,
        query: &'a str,
        headers: impl Iterator<Item = (&'a str, &'a [u8])>,
        info: &RequestInfo,
        requirement: Requirement,
    ) -> GateStep {
        let in_query = QueryCredentials::of(query);
        let presented = self.gate.presented(headers, &in_query, self.locations());
        let request = AuthRequest {
            credential: presented.credential,
            tenant: presented.tenant,
            door: self.door,
            asked: RequestedRoute { method: method.as_ref(), route: self.route },
            origin: presented.origin,
            address: info.address,
            request_id: Some(info.id),
        };
        self.gate.try_authenticate_cached(&request, requirement)
    }

    /// Returns whether the guard itself answers a rejection.
    ///
    /// It does, except for a WebSocket handshake at [`Door::Stream`]: there the handler sends the rejection over the
    /// WebSocket. The codes `unavailable` and `not_found` are HTTP responses even then.
    pub fn answers(&self, reason: RejectionReason, is_handshake: impl FnOnce() -> bool) -> bool {
        let stays_http = matches!(reason.code(), ErrorCode::Unavailable | ErrorCode::NotFound);
        self.door != Door::Stream || stays_http || !is_handshake()
    }

    /// Returns which locations accept credentials.
    fn locations(&self) -> CredentialLocations {
        let stream = self.door == Door::Stream;
        let query = match self.query_keys {
            // The specification of MCP forbids credentials in the query (MCP-03).
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
        let Self { gate, requirements, otherwise, query_keys, door, route } = self;
        let (gate, requirements) = (gate.clone(), requirements.clone());
        Self { gate, requirements, otherwise: *otherwise, query_keys: *query_keys, door: *door, route }
    }
}

/// Returns whether a request is a WebSocket handshake (RFC 6455 §4.2.1) that the handler will accept as one.
///
/// `header` returns the first value of a header by its lower-case name.
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
