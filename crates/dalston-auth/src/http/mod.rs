//! HTTP without a server: the text of rejections, the locations of credentials, and the client address of a request.
//!
//! Everything here is plain data. The middleware of each server only converts it to and from the server's types.

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
