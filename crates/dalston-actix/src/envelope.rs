//! What every answer carries, and what every request leaves in the log.

use crate::{Problem, TrustedProxies, problem::header_value, unread::Unread};
use actix_web::{
    Error, HttpMessage, HttpRequest, HttpResponse,
    body::{EitherBody, MessageBody},
    dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready},
    error::InternalError,
    http::{ConnectionType, StatusCode, header},
};
use dalston_model::{Entropy, OsEntropy, RequestId, SharedClock, SharedEntropy, SystemClock, Timestamp};
use futures_util::FutureExt;
use std::{
    future::{Future, Ready, ready},
    net::IpAddr,
    panic::AssertUnwindSafe,
    pin::Pin,
    rc::Rc,
    sync::Arc,
};

/// The id of a request, and where it comes from.
#[derive(Debug, Clone)]
pub struct RequestInfo {
    /// Its id.
    pub id: RequestId,
    /// The client's address.
    pub address: Option<IpAddr>,
}

impl RequestInfo {
    /// As the [`Envelope`] left it in the request, or made now.
    pub fn of(request: &HttpRequest) -> Self {
        if let Some(info) = request.extensions().get::<Self>() {
            return info.clone();
        }
        let clock: SharedClock = Arc::new(SystemClock);
        Self::read(request, &TrustedProxies::default(), clock.now(), &OsEntropy)
    }

    fn read(request: &HttpRequest, proxies: &TrustedProxies, now: Timestamp, entropy: &dyn Entropy) -> Self {
        let given = request.headers().get("x-request-id").and_then(|value| value.to_str().ok()?.parse().ok());
        // Without chance an id is all zeros but for the time: it is a name for the log, not a secret.
        let id = given.or_else(|| RequestId::new(now, entropy).ok()).unwrap_or_else(|| RequestId::at(now));
        Self { id, address: proxies.client(request) }
    }
}

/// Gives each request an id, each answer its headers and one shape of refusal, turns a panic of a handler into a 500,
/// and writes one line to the log: the route's pattern, never the path or the query.
#[derive(Clone)]
pub struct Envelope {
    proxies: TrustedProxies,
    clock: SharedClock,
    entropy: SharedEntropy,
}

impl Envelope {
    /// With these proxies, this clock, and this chance.
    pub fn new(proxies: TrustedProxies, clock: SharedClock, entropy: SharedEntropy) -> Self {
        Self { proxies, clock, entropy }
    }
}

impl Default for Envelope {
    fn default() -> Self {
        Self::new(TrustedProxies::default(), Arc::new(SystemClock), Arc::new(OsEntropy))
    }
}

impl<S, B> Transform<S, ServiceRequest> for Envelope
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = EnvelopeService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(EnvelopeService { envelope: self.clone(), service: Rc::new(service) }))
    }
}

/// An enveloped service of one worker.
pub struct EnvelopeService<S> {
    envelope: Envelope,
    service: Rc<S>,
}

impl<S, B> Service<ServiceRequest> for EnvelopeService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>>>>;

    forward_ready!(service);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let (envelope, service) = (self.envelope.clone(), Rc::clone(&self.service));
        Box::pin(async move {
            let began = envelope.clock.now();
            let info = RequestInfo::read(request.request(), &envelope.proxies, began, &*envelope.entropy);
            request.extensions_mut().insert(info.clone());
            let has_body = has_body(request.request());
            let unread = Unread::of(&mut request);
            // No clone of the request may live while it is routed, so a fault is answered without one.
            let answered = AssertUnwindSafe(service.call(request)).catch_unwind().await;
            let took = || envelope.clock.now().since(began).as_micros();
            let problem = match answered {
                Ok(Ok(response)) => {
                    let mut response = shaped(response, &info);
                    finish(response.response_mut(), &info, has_body);
                    log(&response, &info, took());
                    return Ok(match unread {
                        Some(unread) => response.map_body(|_, body| EitherBody::right(unread.until_said(body))),
                        None => response,
                    });
                }
                Ok(Err(error)) => problem_of(&error),
                Err(_) => {
                    tracing::error!(request_id = info.id.as_str(), "a handler panicked");
                    Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR)
                }
            };
            let mut response = problem.respond(&info.id);
            finish(&mut response, &info, has_body);
            tracing::info!(
                status = response.status().as_u16(),
                micros = took(),
                request_id = info.id.as_str(),
                "request"
            );
            let response = match unread {
                Some(unread) => unread.until_answered(response),
                None => response,
            };
            Err(InternalError::from_response(problem, response).into())
        })
    }
}

/// The response as it is, or as a problem where the framework answered in a shape of its own.
fn shaped<B: MessageBody + 'static>(
    response: ServiceResponse<B>,
    info: &RequestInfo,
) -> ServiceResponse<EitherBody<B>> {
    let status = response.status();
    // The framework answers in plain text or not at all; JSON is a handler's own, like the report that it is not ready.
    let kind = response.headers().get(header::CONTENT_TYPE).map_or(&b""[..], |kind| kind.as_bytes());
    let is_ours = kind.starts_with(b"application/problem+json") || kind.starts_with(b"application/json");
    // A problem that a handler returned as an error was drawn without the id of the request.
    if let Some(problem) = response.response().error().and_then(|error| error.as_error::<Problem>()) {
        let problem = problem.clone();
        return keep_headers(response, &problem, info);
    }
    if is_ours || !(status.is_client_error() || status.is_server_error()) {
        return response.map_into_left_body();
    }
    keep_headers(response, &Problem::of_status(status), info)
}

/// The problem in place of the response, with the headers that inner layers added.
fn keep_headers<B: MessageBody + 'static>(
    response: ServiceResponse<B>,
    problem: &Problem,
    info: &RequestInfo,
) -> ServiceResponse<EitherBody<B>> {
    let (request, old) = response.into_parts();
    let mut new = problem.respond(&info.id);
    for (name, value) in old.headers() {
        if !matches!(*name, header::CONTENT_TYPE | header::CONTENT_LENGTH) && !new.headers().contains_key(name) {
            new.headers_mut().append(name.clone(), value.clone());
        }
    }
    ServiceResponse::new(request, new).map_into_right_body()
}

/// What every answer carries.
fn finish<B>(response: &mut HttpResponse<B>, info: &RequestInfo, has_body: bool) {
    // What a refused client still wants to send is not read: the connection ends with the answer.
    if response.status().as_u16() >= 400 && has_body {
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    let headers = response.headers_mut();
    if let Some(id) = header_value(info.id.as_str()) {
        headers.insert(header::HeaderName::from_static("x-request-id"), id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, header::HeaderValue::from_static("nosniff"));
}

fn problem_of(error: &Error) -> Problem {
    error.as_error::<Problem>().cloned().unwrap_or_else(|| Problem::of_status(error.as_response_error().status_code()))
}

fn has_body(request: &HttpRequest) -> bool {
    let headers = request.headers();
    let empty = headers.get(header::CONTENT_LENGTH).is_none_or(|length| length.as_bytes() == b"0");
    !empty || headers.contains_key(header::TRANSFER_ENCODING)
}

fn log<B>(response: &ServiceResponse<B>, info: &RequestInfo, micros: u128) {
    let request = response.request();
    let route = request.match_pattern();
    tracing::info!(
        method = request.method().as_str(),
        route = route.as_deref().unwrap_or("-"),
        status = response.status().as_u16(),
        micros,
        request_id = info.id.as_str(),
        address = info.address.map(tracing::field::display),
        "request"
    );
}
