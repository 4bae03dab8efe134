//! HTTP without a server: how refusals read, where credentials are taken, whose address a request comes from. Plain data,
//! so that each server's middleware only carries it over into its own types.

mod challenge;
mod guard_policy;
mod names;
mod problem;
mod query_keys;
mod rate_limit;
mod request_info;
mod status;
mod trusted_proxies;

pub use guard_policy::{GuardPolicy, is_handshake};
pub use names::{FORWARDED_FOR, FORWARDED_PROTO, REQUEST_ID};
pub use problem::{ProblemAnswer, ProblemDetails};
pub use query_keys::QueryKeys;
pub use rate_limit::{RATE_LIMIT, rate_limit};
pub use request_info::RequestInfo;
pub use status::status_of;
pub use trusted_proxies::TrustedProxies;
