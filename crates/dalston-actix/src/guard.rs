//! The gate in front of a resource: decided from the headers, before the body is read.

use crate::{QueryKeys, RequestInfo};
use actix_web::{
    HttpRequest, HttpResponse,
    dev::{Payload, ServiceRequest},
    http::{Method, header},
};
use dalston_auth::{Admission, Asked, Attempt, Entry, Gate, InQuery, Need, Places, Refusal};
use dalston_model::{Door, ErrorCode};
use std::sync::Arc;

/// What each method of a resource needs; `None` asks nobody.
pub type Needs = Vec<(Method, Option<Need>)>;

/// The answer to an admitted request without a body, where there is one at hand: then nothing behind the guard is asked.
pub type AtHand = Arc<dyn Fn(&HttpRequest, &Admission) -> Option<HttpResponse> + Send + Sync>;

/// Lets requests through to what it wraps, with an `Admission` in them, or answers for it.
#[derive(Clone)]
pub struct Guard {
    pub(crate) gate: Arc<Gate>,
    needs: Arc<Needs>,
    otherwise: Need,
    query_keys: QueryKeys,
    door: Door,
    route: &'static str,
    at_hand: Option<AtHand>,
}

impl Guard {
    /// The same need for every method.
    pub fn new(gate: Arc<Gate>, need: Need) -> Self {
        Self::of_methods(gate, Needs::new()).otherwise(need)
    }

    /// A need for each method; of methods that are not listed, any caller.
    pub fn of_methods(gate: Arc<Gate>, needs: Needs) -> Self {
        Self {
            gate,
            needs: Arc::new(needs),
            otherwise: Need::Caller,
            query_keys: QueryKeys::default(),
            door: Door::Http,
            route: "",
            at_hand: None,
        }
    }

    /// Where a key in the query is taken.
    #[must_use]
    pub fn query_keys(self, query_keys: QueryKeys) -> Self {
        Self { query_keys, ..self }
    }

    /// The door that the route is. At that of streams the handler delivers refusals, where the request is a WebSocket
    /// upgrade: a browser reads no refused handshake.
    #[must_use]
    pub fn door(self, door: Door) -> Self {
        Self { door, ..self }
    }

    /// The pattern of the route, for the record of the master key's uses.
    #[must_use]
    pub fn route(self, route: &'static str) -> Self {
        Self { route, ..self }
    }

    /// Where answers may be at hand.
    #[must_use]
    pub fn at_hand(self, at_hand: AtHand) -> Self {
        Self { at_hand: Some(at_hand), ..self }
    }

    fn otherwise(self, otherwise: Need) -> Self {
        Self { otherwise, ..self }
    }

    /// What the method needs.
    pub(crate) fn need(&self, method: &Method) -> Option<Need> {
        // HEAD is GET without its body.
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        self.needs.iter().find(|(of, _)| of == method).map_or(Some(self.otherwise), |(_, need)| *need)
    }

    /// Asks the gate. The head of the request is read once, however the gate decides.
    pub(crate) fn enter(&self, request: &HttpRequest, info: &RequestInfo, need: Need) -> Entry {
        let in_query = InQuery::of(request.query_string());
        let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let presented = self.gate.presented(headers, &in_query, self.places());
        let attempt = Attempt {
            credential: presented.credential,
            tenant: presented.tenant,
            door: self.door,
            asked: Asked { method: request.method().as_str(), route: self.route },
            origin: presented.origin,
            address: info.address,
            request_id: Some(info.id),
        };
        self.gate.try_enter(&attempt, need)
    }

    /// Where credentials are taken.
    fn places(&self) -> Places {
        let stream = self.door == Door::Stream;
        let query = match self.query_keys {
            // The specification of MCP forbids it (MCP-03).
            _ if self.door == Door::Mcp => false,
            QueryKeys::All => true,
            QueryKeys::Stream => stream,
            QueryKeys::Off => false,
        };
        Places { query, stream }
    }

    /// The answer that is at hand, if there is one.
    pub(crate) fn answer(&self, request: &ServiceRequest, admission: &Admission) -> Option<HttpResponse> {
        let (request, payload) = request.parts();
        let at_hand = self.at_hand.as_ref().filter(|_| matches!(payload, Payload::None))?;
        at_hand(request, admission)
    }

    /// Whether the guard answers for a refusal itself. A handler does only where a WebSocket can carry it.
    pub(crate) fn answers(&self, request: &HttpRequest, refusal: Refusal) -> bool {
        let stays_http = matches!(refusal.code(), ErrorCode::Unavailable | ErrorCode::NotFound);
        self.door != Door::Stream || stays_http || !is_handshake(request)
    }
}

/// Whether the request opens a WebSocket (RFC 6455 §4.2.1), as the handler will see it.
fn is_handshake(request: &HttpRequest) -> bool {
    let names = |name: header::HeaderName, word: &str| {
        let value = request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        value.split(',').any(|part| part.trim().eq_ignore_ascii_case(word))
    };
    *request.method() == Method::GET
        && names(header::UPGRADE, "websocket")
        && names(header::CONNECTION, "upgrade")
        && ["7", "8", "13"].into_iter().any(|version| names(header::SEC_WEBSOCKET_VERSION, version))
        && request.headers().contains_key(header::SEC_WEBSOCKET_KEY)
}
