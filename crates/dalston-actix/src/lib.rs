//! The gate as actix middleware and extractors.
//!
//! Wrap an app in an [`Envelope`] and what is to be guarded in a [`Guard`]; a handler behind it takes a
//! [`Permitted<R>`](Permitted) of the right that it needs.

mod cors;
mod envelope;
mod enveloped;
mod extract;
mod guard;
mod guarded;
mod letter;
mod names;
mod problem;
mod unread;
mod visit;

pub use cors::Cors;
pub use dalston_auth::http::{QueryKeys, RequestInfo, TrustedProxies};
pub use envelope::{Check, Envelope, Redraw};
pub use extract::{Admitted, Decided, Permitted};
pub use guard::{AtHand, Guard, Needs};
pub use problem::Problem;
pub use visit::request_info;
