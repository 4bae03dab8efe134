//! What is known of a request before anybody is authenticated.

use dalston_model::{Entropy, RequestId, Timestamp};
use std::net::IpAddr;

/// The id of a request, and where it comes from.
#[derive(Debug, Clone, Copy)]
pub struct RequestInfo {
    /// Its id.
    pub id: RequestId,
    /// The client's address.
    pub address: Option<IpAddr>,
}

impl RequestInfo {
    /// Keeps the id that the client gives in [`REQUEST_ID`](super::REQUEST_ID) if it is one, else makes a new one.
    pub fn new(given: Option<&[u8]>, address: Option<IpAddr>, now: Timestamp, entropy: &dyn Entropy) -> Self {
        let given = given.and_then(|value| std::str::from_utf8(value).ok()?.parse().ok());
        // Without randomness an id is only its time: it is a name for the log, not a secret.
        let id = given.or_else(|| RequestId::new(now, entropy).ok()).unwrap_or_else(|| RequestId::at(now));
        Self { id, address }
    }
}
