//! What every answer carries, and what a refused request leaves in the log.

use crate::{Cors, Problem, TrustedProxies};
use actix_web::{HttpRequest, HttpResponse};
use dalston_auth::Product;
use dalston_model::{OsEntropy, SharedClock, SharedEntropy, SystemClock};
use std::sync::Arc;

/// What a request must pass before it is routed.
pub type RequestCheck = Arc<dyn Fn(&HttpRequest) -> Result<(), Problem> + Send + Sync>;

/// Draws the refusal of a request in another shape, or leaves it as it is.
pub type ErrorMapper = fn(&HttpRequest, HttpResponse) -> HttpResponse;

/// Gives each request an id, each answer its headers and one shape of refusal, turns a panic of a handler into a 500,
/// and writes a line to the log, at `info` of what was refused or failed and at `debug` of the rest: with the route's
/// pattern, never the path or the query.
#[derive(Clone)]
pub struct ContextMiddleware {
    pub(crate) proxies: TrustedProxies,
    pub(crate) clock: SharedClock,
    pub(crate) entropy: SharedEntropy,
    pub(crate) check: Option<RequestCheck>,
    pub(crate) product: Product,
    pub(crate) redraw: Option<ErrorMapper>,
    pub(crate) cors: Option<Cors>,
}

impl ContextMiddleware {
    /// With these proxies, this clock, and this chance.
    pub fn new(proxies: TrustedProxies, clock: SharedClock, entropy: SharedEntropy) -> Self {
        Self { proxies, clock, entropy, check: None, product: Product::default(), redraw: None, cors: None }
    }

    /// In the names of this product; `dalston` without.
    #[must_use]
    pub fn product(self, product: Product) -> Self {
        Self { product, ..self }
    }

    /// With a check of each request, before it is routed.
    #[must_use]
    pub fn check(self, check: RequestCheck) -> Self {
        Self { check: Some(check), ..self }
    }

    /// With a shape of its own for some refusals.
    #[must_use]
    pub fn map_errors(self, redraw: ErrorMapper) -> Self {
        Self { redraw: Some(redraw), ..self }
    }

    /// With pages of other origins, whose preflights are answered before anybody is asked for a credential.
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
