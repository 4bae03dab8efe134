//! CORS: which origins may read the responses (Fetch standard).
//!
//! Credentials mode is not supported: a page sends its key in a header that it sets itself.

use actix_web::{
    HttpRequest, HttpResponse,
    dev::ResourceDef,
    http::{
        Method,
        header::{self, HeaderMap, HeaderValue},
    },
};
use std::sync::Arc;

/// Seconds for which a browser caches the response of a preflight.
const MAX_AGE: &str = "600";
/// The headers that a page may read in addition to those that the Fetch standard allows.
const EXPOSED: &str = "X-Request-ID, RateLimit, RateLimit-Policy, Retry-After, Link, Location, X-Dalston-Job, X-Dalston-Ignored, \
     X-Dalston-Note";

/// The allowed origins, and the methods of each route.
#[derive(Clone)]
pub struct Cors(Arc<CorsParts>);

struct CorsParts {
    origins: Vec<String>,
    routes: Vec<(ResourceDef, String)>,
}

impl Cors {
    /// Creates the rules from the allowed origins and the routes.
    ///
    /// An origin has the form `https://app.example.com`, and must match entirely, except for the case of ASCII letters.
    /// A route is its pattern and its methods (`GET, HEAD`).
    pub fn new(origins: Vec<String>, routes: impl IntoIterator<Item = (String, String)>) -> Self {
        let routes = routes.into_iter().map(|(pattern, methods)| (ResourceDef::new(pattern), methods)).collect();
        Self(Arc::new(CorsParts { origins, routes }))
    }

    /// Returns the origin of the request if it is allowed. A request with two `Origin` headers has none.
    pub(crate) fn origin(&self, request: &HttpRequest) -> Option<HeaderValue> {
        let mut origins = request.headers().get_all(header::ORIGIN);
        let origin = origins.next().filter(|_| origins.next().is_none())?;
        let text = origin.to_str().ok()?;
        self.0.origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(text)).then(|| origin.clone())
    }

    /// Returns the response to a preflight of an existing route; `None` if the request is not such a preflight.
    pub(crate) fn preflight(&self, request: &HttpRequest) -> Option<HttpResponse> {
        let headers = request.headers();
        if *request.method() != Method::OPTIONS || !headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
            return None;
        }
        let (_, methods) = self.0.routes.iter().find(|(route, _)| route.is_match(request.path()))?;
        let mut answer = HttpResponse::NoContent();
        answer
            .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, methods.as_str()))
            .insert_header((header::ACCESS_CONTROL_MAX_AGE, MAX_AGE));
        for asked in headers.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS) {
            answer.append_header((header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone()));
        }
        Some(answer.finish())
    }

    /// Adds the headers that allow a page of this origin to read the response.
    pub(crate) fn allow(origin: HeaderValue, headers: &mut HeaderMap) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
}
