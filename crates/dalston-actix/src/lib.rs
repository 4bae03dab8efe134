//! The gate as actix middleware and extractors.
//!
//! Wrap an app in an [`Envelope`] and what is to be guarded in a [`Guard`]; a handler behind it takes a [`Permitted`].

mod address;
mod envelope;
mod extract;
mod guard;
mod presented;
mod problem;
mod unread;

pub use address::TrustedProxies;
pub use envelope::{Envelope, RequestInfo};
pub use extract::{Entered, Permitted};
pub use guard::{Door, Guard, Needs};
pub use presented::QueryKeys;
pub use problem::{Problem, status_of};
