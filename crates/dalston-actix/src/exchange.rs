//! Completes responses on behalf of the [`ContextMiddleware`], and writes the log.

use crate::{ContextMiddleware, Cors, Problem, RequestInfo, names::REQUEST_ID, unconsumed_body::UnconsumedBody};
use actix_web::{
    Error, HttpRequest, HttpResponse,
    body::{BoxBody, EitherBody, MessageBody},
    dev::{Payload, ServiceRequest, ServiceResponse},
    error::InternalError,
    http::{
        ConnectionType, StatusCode,
        header::{self, HeaderValue},
    },
};
use dalston_auth::{Product, http};
use dalston_model::Timestamp;
use std::rc::Rc;

/// A request in progress.
pub(crate) struct Exchange {
    context: Rc<ContextMiddleware>,
    began: Timestamp,
    info: RequestInfo,
    has_body: bool,
    unread: Option<UnconsumedBody>,
    /// The allowed origin of the page that may read the response.
    origin: Option<HeaderValue>,
}

impl Exchange {
    /// Starts the exchange of a new request.
    pub(crate) fn begun(
        context: &Rc<ContextMiddleware>,
        request: &mut ServiceRequest,
        began: Timestamp,
        info: RequestInfo,
    ) -> Self {
        // actix has already parsed the body framing: most requests have no payload, and their headers need not be read.
        let has_body = !matches!(request.parts().1, Payload::None) && has_body(request.request());
        let unread = if has_body { UnconsumedBody::of(request) } else { None };
        let origin = context.cors.as_ref().and_then(|cors| cors.origin(request.request()));
        Self { context: Rc::clone(context), began, info, has_body, unread, origin }
    }

    /// Returns the response to a preflight from an allowed origin; `None` if the request is not such a preflight.
    pub(crate) fn preflight(&self, request: &ServiceRequest) -> Option<HttpResponse> {
        self.origin.as_ref().and(self.context.cors.as_ref())?.preflight(request.request())
    }

    /// Completes the response to a preflight.
    pub(crate) fn allowed<B>(self, response: ServiceResponse) -> ServiceResponse<EitherBody<B>> {
        let mut response = response;
        self.mark(response.response_mut());
        response.map_into_right_body()
    }

    /// Completes the response of the inner service.
    pub(crate) fn answered<B: MessageBody + 'static>(
        self,
        response: ServiceResponse<B>,
    ) -> ServiceResponse<EitherBody<B>> {
        if response.status().as_u16() >= 400 {
            return self.refused(response.map_into_boxed_body());
        }
        let mut response = response;
        self.mark(response.response_mut());
        if tracing::enabled!(tracing::Level::DEBUG) {
            let (method, route) = names(response.request());
            tracing::debug!(
                event = "request.admitted",
                method,
                route,
                status = response.status().as_u16(),
                micros = self.micros(),
                request_id = self.info.id.as_str(),
                address = self.info.address.map(tracing::field::display),
                "request"
            );
        }
        match self.unread {
            Some(unread) => response.map_body(|_, body| EitherBody::right(unread.hold_until_sent(body))),
            None => response.map_into_left_body(),
        }
    }

    /// Completes an error response, in the common body format.
    pub(crate) fn refused<B>(self, response: ServiceResponse) -> ServiceResponse<EitherBody<B>> {
        let (request, mut response) = response.into_parts();
        if let Some(map_error) = self.context.map_error {
            response = map_error(&request, response);
        }
        response = shaped(response, &self.info, &self.context.product);
        self.mark(&mut response);
        let (method, route) = names(&request);
        tracing::info!(
            event = "request.answered",
            method,
            route,
            status = response.status().as_u16(),
            micros = self.micros(),
            request_id = self.info.id.as_str(),
            address = self.info.address.map(tracing::field::display),
            "request"
        );
        let response = self.whole(response);
        ServiceResponse::new(request, response).map_into_right_body()
    }

    /// Completes the error of a handler. The request no longer exists, so the log has neither its route nor its
    /// address.
    pub(crate) fn failed(self, problem: Problem) -> Error {
        let mut response = problem.respond(&self.info.id, &self.context.product);
        self.mark(&mut response);
        tracing::info!(
            event = "request.answered",
            status = response.status().as_u16(),
            micros = self.micros(),
            request_id = self.info.id.as_str(),
            "request"
        );
        InternalError::from_response(problem, self.whole(response)).into()
    }

    /// Like [`Exchange::failed`], after a panic of a handler.
    pub(crate) fn panicked(self) -> Error {
        tracing::error!(event = "handler.panicked", request_id = self.info.id.as_str(), "a handler panicked");
        self.failed(Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR))
    }

    /// Adds what every response carries.
    fn mark<B>(&self, response: &mut HttpResponse<B>) {
        // The rest of a rejected body is not read, so the connection closes after the response.
        if response.status().as_u16() >= 400 && self.has_body {
            response.head_mut().set_connection_type(ConnectionType::Close);
        }
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::from_bytes(self.info.id.as_bytes()) {
            headers.insert(REQUEST_ID.clone(), id);
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(origin) = &self.origin {
            Cors::allow(origin.clone(), headers);
        }
    }

    fn whole(self, response: HttpResponse) -> HttpResponse {
        match self.unread {
            Some(unread) => unread.hold_until_response(response),
            None => response,
        }
    }

    /// Returns the elapsed time in microseconds, as a `u64`: a JSON log writes a wider integer as a string.
    fn micros(&self) -> u64 {
        u64::try_from(self.context.clock.now().since(self.began).as_micros()).unwrap_or(u64::MAX)
    }
}

/// Returns the response unchanged, or as a problem if the framework produced it in a format of its own.
fn shaped(response: HttpResponse, info: &RequestInfo, product: &Product) -> HttpResponse {
    // A problem that a handler returned as an error was rendered without the request id. Render it again.
    if let Some(problem) = response.error().and_then(|error| error.as_error::<Problem>()) {
        let problem = problem.clone();
        return keep_headers(&response, &problem, info, product);
    }
    let kind = response.headers().get(header::CONTENT_TYPE).map_or(&b""[..], |kind| kind.as_bytes());
    if http::ProblemDetails::keeps(kind) {
        return response;
    }
    keep_headers(&response, &Problem::of_status(response.status()), info, product)
}

/// Renders the problem in place of the response, and keeps the headers that inner layers added.
fn keep_headers(old: &HttpResponse, problem: &Problem, info: &RequestInfo, product: &Product) -> HttpResponse<BoxBody> {
    let mut new = problem.respond(&info.id, product);
    for (name, value) in old.headers() {
        if !matches!(*name, header::CONTENT_TYPE | header::CONTENT_LENGTH) && !new.headers().contains_key(name) {
            new.headers_mut().append(name.clone(), value.clone());
        }
    }
    new
}

fn has_body(request: &HttpRequest) -> bool {
    let headers = request.headers();
    let empty = headers.get(header::CONTENT_LENGTH).is_none_or(|length| length.as_bytes() == b"0");
    !empty || headers.contains_key(header::TRANSFER_ENCODING)
}

/// Returns the method and the route pattern.
fn names(request: &HttpRequest) -> (&str, String) {
    (request.method().as_str(), request.match_pattern().unwrap_or_else(|| "-".to_owned()))
}
