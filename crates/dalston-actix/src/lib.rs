//! The gate as actix middleware and extractors.
//!
//! Wrap an app in a [`ContextMiddleware`] and what is to be guarded in a [`Guard`]; a handler behind it takes a
//! [`RequirePermit<R>`](RequirePermit) of the right that it needs.

mod context;
mod cors;
mod enveloped;
mod exchange;
mod extract;
mod guard;
mod guarded;
mod names;
mod problem;
mod request_state;
mod unconsumed_body;

pub use context::{ContextMiddleware, ErrorMapper, RequestCheck};
pub use cors::Cors;
pub use dalston_auth::http::{QueryKeys, RequestInfo, TrustedProxies};
pub use extract::{AuthOutcome, RequireAdmission, RequirePermit};
pub use guard::{CachedResponse, Guard, MethodRequirements};
pub use problem::Problem;
pub use request_state::request_info;
