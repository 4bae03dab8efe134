//! The gate as actix middleware and extractors.
//!
//! Wrap an app in an [`Envelope`] and what is to be guarded in a [`Guard`]; a handler behind it takes a
//! [`Permitted<R>`](Permitted) of the right that it needs.

mod address;
mod cors;
mod envelope;
mod extract;
mod guard;
mod guarded;
mod letter;
mod names;
mod problem;
mod query_keys;
mod unread;
mod visit;

pub use address::TrustedProxies;
pub use cors::Cors;
pub use envelope::{Check, Envelope, Redraw};
pub use extract::{Admitted, Decided, Permitted};
pub use guard::{AtHand, Guard, Needs};
pub use problem::{Problem, status_of};
pub use query_keys::QueryKeys;
pub use visit::RequestInfo;
