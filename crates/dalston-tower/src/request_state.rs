//! What the layers know of a request: one extension, since each is a box.

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

/// The id and the address of a request, as the [`ContextLayer`](crate::ContextLayer) left them in it, or made now.
pub fn request_info<B>(request: &Request<B>) -> RequestInfo {
    if let Some(state) = request.extensions().get::<RequestState>() {
        return state.info;
    }
    let peer = peer::of_socket(request.extensions());
    read(request.headers(), peer, &TrustedProxies::default(), SystemClock.now(), &OsEntropy)
}

/// The same of a request that begins.
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

/// A request behind the context, and how the gate decided, once a guard has asked it.
#[derive(Clone)]
pub(crate) struct RequestState {
    pub(crate) info: RequestInfo,
    pub(crate) decision: Option<Result<Admission, Rejection>>,
}

impl RequestState {
    /// Leaves in the request how the gate decided.
    pub(crate) fn decided(extensions: &mut Extensions, info: RequestInfo, decision: Result<Admission, Rejection>) {
        if let Some(state) = extensions.get_mut::<Self>() {
            state.decision = Some(decision);
        } else {
            extensions.insert(Self { info, decision: Some(decision) });
        }
    }
}
