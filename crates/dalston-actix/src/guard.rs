//! The gate in front of a resource: decided from the headers, before the body is read.

use crate::{
    Problem, QueryKeys, RequestInfo,
    extract::Decision,
    presented::{in_query, presented},
    problem::{header_value, limit_headers},
};
use actix_web::{
    Error, HttpMessage, HttpRequest,
    body::EitherBody,
    body::MessageBody,
    dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready},
    http::{Method, header},
};
use dalston_auth::{Asked, Attempt, Denied, Entry, Gate, Need, Refusal};
use dalston_model::ErrorCode;
use std::{
    future::{Future, Ready, ready},
    pin::Pin,
    rc::Rc,
    sync::Arc,
};

/// The door that a route is, and so how refusals are delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// As HTTP answers.
    Http,
    /// By the handler, where the request is a WebSocket upgrade: a browser reads no refused handshake.
    Stream,
    /// As HTTP answers, to `POST /call`.
    Call,
    /// As HTTP answers, to `POST /mcp`.
    Mcp,
}

/// What each method of a resource needs; `None` asks nobody.
pub type Needs = Vec<(Method, Option<Need>)>;

/// Lets requests through to what it wraps, with an `Entry` in them, or answers for it.
#[derive(Clone)]
pub struct Guard {
    gate: Arc<Gate>,
    needs: Arc<Needs>,
    otherwise: Need,
    query_keys: QueryKeys,
    door: Door,
    route: &'static str,
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
        }
    }

    /// Where a key in the query is taken.
    #[must_use]
    pub fn query_keys(self, query_keys: QueryKeys) -> Self {
        Self { query_keys, ..self }
    }

    /// How refusals are delivered.
    #[must_use]
    pub fn door(self, door: Door) -> Self {
        Self { door, ..self }
    }

    /// The pattern of the route, for the record of the master key's uses.
    #[must_use]
    pub fn route(self, route: &'static str) -> Self {
        Self { route, ..self }
    }

    fn otherwise(self, otherwise: Need) -> Self {
        Self { otherwise, ..self }
    }

    fn need(&self, method: &Method) -> Option<Need> {
        // HEAD is GET without its body.
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        self.needs.iter().find(|(of, _)| of == method).map_or(Some(self.otherwise), |(_, need)| *need)
    }

    async fn enter(&self, request: &HttpRequest, info: &RequestInfo, need: Need) -> Result<Entry, Denied> {
        let taken = match self.query_keys {
            // The specification of MCP forbids it (MCP-03).
            _ if self.door == Door::Mcp => false,
            QueryKeys::All => true,
            QueryKeys::Stream => self.door == Door::Stream,
            QueryKeys::Off => false,
        };
        let in_query = in_query(request.query_string());
        let credential = presented(request, &in_query, taken, self.door == Door::Stream);
        // Two tenants are none, as is one of other characters: no tenant has an empty name.
        let mut tenants = request.headers().get_all("x-dalston-tenant");
        let tenant = tenants.next().map(|value| value.to_str().ok().filter(|_| tenants.next().is_none()).unwrap_or(""));
        let door = match self.door {
            Door::Http => dalston_model::Door::Http,
            Door::Stream => dalston_model::Door::Stream,
            Door::Call => dalston_model::Door::Call,
            Door::Mcp => dalston_model::Door::Mcp,
        };
        let asked = Asked { method: request.method().as_str(), route: self.route };
        let (address, request_id) = (info.address, Some(info.id.clone()));
        let origin = request.headers().get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
        self.gate.enter(Attempt { credential, tenant, door, asked, origin, address, request_id }, need).await
    }

    /// Whether the guard answers for a refusal itself. A handler does only where a WebSocket can carry it.
    fn answers(&self, request: &HttpRequest, refusal: Refusal) -> bool {
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

impl<S, B> Transform<S, ServiceRequest> for Guard
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = GuardService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(GuardService { guard: self.clone(), service: Rc::new(service) }))
    }
}

/// A guarded service of one worker.
pub struct GuardService<S> {
    guard: Guard,
    service: Rc<S>,
}

impl<S, B> Service<ServiceRequest> for GuardService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>>>>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let (guard, service) = (self.guard.clone(), Rc::clone(&self.service));
        Box::pin(async move {
            let Some(need) = guard.need(request.method()) else {
                return Ok(service.call(request).await?.map_into_left_body());
            };
            let info = RequestInfo::of(request.request());
            let entered = guard.enter(request.request(), &info, need).await;
            if let Err(denied) = &entered
                && guard.answers(request.request(), denied.refusal)
            {
                let mut response = Problem::from(*denied).respond(&info.id);
                mark(response.headers_mut(), entered.as_ref().ok());
                return Ok(request.into_response(response).map_into_right_body());
            }
            let entry = entered.as_ref().ok().cloned();
            request.extensions_mut().insert(Decision(entered));
            let mut response = match service.call(request).await {
                Ok(response) => response,
                Err(error) => return Err(error),
            };
            mark(response.headers_mut(), entry.as_ref());
            Ok(response.map_into_left_body())
        })
    }
}

/// What every answer behind the gate carries.
fn mark(headers: &mut header::HeaderMap, entry: Option<&Entry>) {
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    for (name, value) in entry.and_then(|entry| entry.caller().room()).iter().flat_map(|it| limit_headers(it)) {
        if let Some(value) = header_value(&value) {
            headers.insert(name, value);
        }
    }
}
