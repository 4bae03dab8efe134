//! The context middleware: what every response carries, and what the log records of a request.

use crate::{Cors, Problem, TrustedProxies};
use actix_web::{HttpRequest, HttpResponse};
use dalston_auth::Product;
use dalston_model::{OsEntropy, SharedClock, SharedEntropy, SystemClock};
use std::sync::Arc;

/// A check that each request must pass before it is routed. Fails with the problem to respond with.
pub type RequestCheck = Arc<dyn Fn(&HttpRequest) -> Result<(), Problem> + Send + Sync>;

/// Maps an error response to a different body format, or returns it unchanged.
pub type ErrorMapper = fn(&HttpRequest, HttpResponse) -> HttpResponse;

/// Middleware for the whole app.
///
/// * Gives each request an id, and adds the common headers to each response.
/// * Gives all errors the same body format (RFC 9457).
/// * Turns a panic of a handler into a 500.
/// * Logs each request: errors at level `info`, and all others at `debug`. The log contains the route pattern, never
///   the path or the query.
#[derive(Clone)]
pub struct ContextMiddleware {
    pub(crate) proxies: TrustedProxies,
    pub(crate) clock: SharedClock,
    pub(crate) entropy: SharedEntropy,
    pub(crate) check: Option<RequestCheck>,
    pub(crate) product: Product,
    pub(crate) map_error: Option<ErrorMapper>,
    pub(crate) cors: Option<Cors>,
}

impl ContextMiddleware {
    /// Creates the middleware with these trusted proxies, this clock, and this source of randomness.
    pub fn new(proxies: TrustedProxies, clock: SharedClock, entropy: SharedEntropy) -> Self {
        Self { proxies, clock, entropy, check: None, product: Product::default(), map_error: None, cors: None }
    }

    /// Sets the product whose names are used in problems. The default is `dalston`.
    #[must_use]
    pub fn product(self, product: Product) -> Self {
        Self { product, ..self }
    }

    /// Sets a check of each request, which runs before routing.
    #[must_use]
    pub fn check(self, check: RequestCheck) -> Self {
        Self { check: Some(check), ..self }
    }

    /// Sets a function that maps error responses to a different body format.
    #[must_use]
    pub fn map_errors(self, map_error: ErrorMapper) -> Self {
        Self { map_error: Some(map_error), ..self }
    }

    /// Allows pages of other origins. Their preflights are answered without a credential.
    #[must_use]
    pub fn cors(self, cors: Option<Cors>) -> Self {
        Self { cors, ..self }
    }
}

impl Default for ContextMiddleware {
    fn default() -> Self {
        Self::new(TrustedProxies::default(), Arc::new(SystemClock), Arc::new(OsEntropy))
    }
}
