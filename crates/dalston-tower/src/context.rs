//! The configuration that all requests of a [`ContextService`](crate::ContextService) share.

use crate::peer::Peer;
use dalston_auth::{Product, http::TrustedProxies};
use dalston_model::{CounterModeEntropy, SharedClock};
use std::sync::Once;

/// The configuration that all requests of a service share.
pub(crate) struct SharedContext {
    pub(crate) product: Product,
    pub(crate) proxies: TrustedProxies,
    pub(crate) peer: Peer,
    pub(crate) clock: SharedClock,
    pub(crate) entropy: CounterModeEntropy,
    pub(crate) without_address: Once,
}
