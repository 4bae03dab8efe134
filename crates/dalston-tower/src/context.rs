//! What the requests of a service share.

use crate::peer::Peer;
use dalston_auth::{Product, http::TrustedProxies};
use dalston_model::{CounterModeEntropy, SharedClock};
use std::sync::Once;

/// What the requests of a service share.
pub(crate) struct SharedContext {
    pub(crate) product: Product,
    pub(crate) proxies: TrustedProxies,
    pub(crate) peer: Peer,
    pub(crate) clock: SharedClock,
    pub(crate) entropy: CounterModeEntropy,
    pub(crate) without_address: Once,
}
