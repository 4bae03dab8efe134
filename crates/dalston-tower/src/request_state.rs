//! The state of a request that the layers share. It is one extension, since each extension is boxed.

use crate::{
    names::{FORWARDED_FOR, REQUEST_ID},
    peer,
};
use dalston_auth::{
    Admission, Rejection,
    http::{RequestInfo, TrustedProxies},
};
use dalston_model::{Clock, Entropy, OsEntropy, SystemClock, Timestamp};
use http::{Extensions, HeaderMap, HeaderValue, Request};
use std::net::IpAddr;

/// Returns the id and the client's address of a request, as the [`ContextLayer`](crate::ContextLayer) has stored them.
///
/// Without that layer they are determined now, and no proxy is trusted.
pub fn request_info<B>(request: &Request<B>) -> RequestInfo {
    if let Some(state) = request.extensions().get::<RequestState>() {
        return state.info;
    }
    let peer = peer::of_socket(request.extensions());
    read(request.headers(), peer, &TrustedProxies::default(), SystemClock.now(), &OsEntropy)
}

/// Determines the id and the client's address of a new request.
pub(crate) fn read(
    headers: &HeaderMap,
    peer: Option<IpAddr>,
    proxies: &TrustedProxies,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> RequestInfo {
    let given = headers.get(&REQUEST_ID).map(HeaderValue::as_bytes);
    let forwarded = || headers.get_all(&FORWARDED_FOR).into_iter().map(HeaderValue::as_bytes);
    RequestInfo::new(given, peer.map(|peer| proxies.client(peer, forwarded)), now, entropy)
}

/// The state of a request behind the context layer, with the decision of the gate once a guard has authenticated it.
#[derive(Clone)]
pub(crate) struct RequestState {
    pub(crate) info: RequestInfo,
    pub(crate) decision: Option<Result<Admission, Rejection>>,
}

impl RequestState {
    /// Stores the decision of the gate in the request.
    pub(crate) fn decided(extensions: &mut Extensions, info: RequestInfo, decision: Result<Admission, Rejection>) {
        if let Some(state) = extensions.get_mut::<Self>() {
            state.decision = Some(decision);
        } else {
            extensions.insert(Self { info, decision: Some(decision) });
        }
    }
}
