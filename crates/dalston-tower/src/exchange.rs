//! A request in progress: completes its response on behalf of the context layer, and writes the log.

use crate::{
    Problem,
    context::SharedContext,
    names::REQUEST_ID,
    request_state::{self, RequestState},
    route::MatchedRoute,
};
use ::http::{HeaderMap, HeaderValue, Method, Request, Response, Version, header};
use dalston_auth::http::{self, RequestInfo};
use dalston_model::Timestamp;
use std::sync::Arc;

/// A request in progress.
pub(crate) struct Exchange {
    context: Arc<SharedContext>,
    began: Timestamp,
    info: RequestInfo,
    method: Method,
    route: MatchedRoute,
    /// Whether an error response closes the connection, because the rest of the request body is not read.
    may_close: bool,
}

impl Exchange {
    /// Starts the exchange of a new request.
    pub(crate) fn begin<B>(context: &Arc<SharedContext>, request: &mut Request<B>) -> Self {
        let began = context.clock.now();
        let peer = (context.peer)(request.extensions());
        if peer.is_none() {
            context.without_address.call_once(|| {
                tracing::warn!(
                    event = "peer.unknown",
                    "requests have no peer address: failed attempts are not throttled"
                );
            });
        }
        let info = request_state::read(request.headers(), peer, &context.proxies, began, &context.entropy);
        request.extensions_mut().insert(RequestState { info, decision: None });
        let may_close = request.version() <= Version::HTTP_11 && has_body(request.headers());
        let (method, route) = (request.method().clone(), MatchedRoute::of(request.extensions()));
        Self { context: context.clone(), began, info, method, route, may_close }
    }

    /// Completes the response of the inner service. An error response gets the common body format.
    pub(crate) fn answered<R: From<String>>(self, response: Response<R>) -> Response<R> {
        let is_refused = response.status().as_u16() >= 400;
        let mut response = if is_refused { self.shaped(response) } else { response };
        let headers = response.headers_mut();
        if is_refused && self.may_close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if let Ok(id) = HeaderValue::from_bytes(self.info.id.as_bytes()) {
            headers.insert(REQUEST_ID.clone(), id);
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if is_refused || tracing::enabled!(tracing::Level::DEBUG) {
            self.log(is_refused, response.status().as_u16());
        }
        response
    }

    /// Returns the response after a panic of the inner service.
    pub(crate) fn panicked<R: From<String>>(self) -> Response<R> {
        tracing::error!(event = "handler.panicked", request_id = self.info.id.as_str(), "a handler panicked");
        let problem = Problem::from(http::ProblemDetails::of_status(500));
        let response = problem.response(Some(&self.info.id), &self.context.product);
        self.answered(response)
    }

    /// Returns the response unchanged, or as a problem if the framework produced it in a format of its own.
    fn shaped<R: From<String>>(&self, mut response: Response<R>) -> Response<R> {
        // A problem that a handler returned as an error was rendered without the request id. Render it again.
        let problem = response.extensions_mut().remove::<Problem>();
        let content_type = response.headers().get(header::CONTENT_TYPE).map_or(&b""[..], |kind| kind.as_bytes());
        let problem = match problem {
            Some(problem) => problem,
            None if http::ProblemDetails::keeps(content_type) => return response,
            None => http::ProblemDetails::of_status(response.status().as_u16()).into(),
        };
        let mut shaped = problem.response::<R>(Some(&self.info.id), &self.context.product);
        // Keep the headers that inner layers added.
        for name in response.headers().keys() {
            let is_of_body = *name == header::CONTENT_TYPE || *name == header::CONTENT_LENGTH;
            if !is_of_body && !shaped.headers().contains_key(name) {
                for value in response.headers().get_all(name) {
                    shaped.headers_mut().append(name.clone(), value.clone());
                }
            }
        }
        *shaped.extensions_mut() = std::mem::take(response.extensions_mut());
        shaped
    }

    fn log(&self, is_refused: bool, status: u16) {
        let (method, route) = (self.method.as_str(), self.route.as_str());
        // A JSON log writes an integer wider than 64 bits as a string.
        let micros = u64::try_from(self.context.clock.now().since(self.began).as_micros()).unwrap_or(u64::MAX);
        let (request_id, address) = (self.info.id.as_str(), self.info.address.map(tracing::field::display));
        if is_refused {
            tracing::info!(event = "request.answered", method, route, status, micros, request_id, address, "request");
        } else {
            tracing::debug!(event = "request.admitted", method, route, status, micros, request_id, address, "request");
        }
    }
}

fn has_body(headers: &HeaderMap) -> bool {
    let is_empty = headers.get(header::CONTENT_LENGTH).is_none_or(|length| length.as_bytes() == b"0");
    !is_empty || headers.contains_key(header::TRANSFER_ENCODING)
}
