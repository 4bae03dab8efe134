//! Information about a request that is available before it is authenticated.

use dalston_model::{Entropy, RequestId, Timestamp};
use std::net::IpAddr;

/// The id of a request, and the client's address.
#[derive(Debug, Clone, Copy)]
pub struct RequestInfo {
    /// The request id.
    pub id: RequestId,
    /// The client's address; `None` if the server does not provide it.
    pub address: Option<IpAddr>,
}

impl RequestInfo {
    /// Creates the information of a request that arrived at `now`.
    ///
    /// Keeps the id that the client sent in [`REQUEST_ID`](super::REQUEST_ID) if it is valid. Otherwise generates one.
    pub fn new(given: Option<&[u8]>, address: Option<IpAddr>, now: Timestamp, entropy: &dyn Entropy) -> Self {
        let given = given.and_then(|value| std::str::from_utf8(value).ok()?.parse().ok());
        // If the system provides no randomness, the id consists of the time only. It is an identifier for the log, not
        // a secret.
        let id = given.or_else(|| RequestId::new(now, entropy).ok()).unwrap_or_else(|| RequestId::at(now));
        Self { id, address }
    }
}
