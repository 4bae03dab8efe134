//! The gate as actix middleware and extractors.
//!
//! Wrap an app in an [`ContextMiddleware`] and what is to be guarded in a [`Guard`]; a handler behind it takes a
//! [`RequirePermit<R>`](Permitted) of the right that it needs.

mod cors;
mod context;
mod enveloped;
mod extract;
mod guard;
mod guarded;
mod exchange;
mod names;
mod problem;
mod unconsumed_body;
mod request_state;

pub use cors::Cors;
pub use dalston_auth::http::{QueryKeys, RequestInfo, TrustedProxies};
pub use context::{RequestCheck, ContextMiddleware, ErrorMapper};
pub use extract::{RequireAdmission, AuthOutcome, RequirePermit};
pub use guard::{CachedResponse, Guard, MethodRequirements};
pub use problem::Problem;
pub use request_state::request_info;
