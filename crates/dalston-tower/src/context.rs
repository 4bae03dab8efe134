//! What the requests of a service share.

use crate::peer::Peer;
use dalston_auth::{Product, http::TrustedProxies};
use dalston_model::{Counted, SharedClock};
use std::sync::Once;

/// What the requests of a service share.
pub(crate) struct Context {
    pub(crate) product: Product,
    pub(crate) proxies: TrustedProxies,
    pub(crate) peer: Peer,
    pub(crate) clock: SharedClock,
    pub(crate) entropy: Counted,
    pub(crate) without_address: Once,
}
