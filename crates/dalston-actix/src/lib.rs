//! The gate as actix middleware and extractors.
//!
//! Wrap the app in a [`ContextMiddleware`], and each route that needs authentication in a [`Guard`]. A handler behind a
//! guard takes a [`RequirePermit<R>`](RequirePermit) of the right that it requires.

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
