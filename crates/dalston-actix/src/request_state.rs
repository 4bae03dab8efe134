//! The state of a request that the middleware shares. It is one value, since each value in the extensions of a request
//! is boxed.

use crate::names::{FORWARDED_FOR, REQUEST_ID};
use actix_web::{HttpMessage, HttpRequest, http::header::HeaderValue};
use dalston_auth::{
    Admission, Rejection,
    http::{RequestInfo, TrustedProxies},
};
use dalston_model::{Clock, Entropy, OsEntropy, SystemClock, Timestamp};

/// Returns the id and the client's address of a request, as the [`ContextMiddleware`](crate::ContextMiddleware) has
/// stored them.
///
/// Without that middleware they are determined now, and no proxy is trusted.
pub fn request_info(request: &HttpRequest) -> RequestInfo {
    if let Some(state) = request.extensions().get::<RequestState>() {
        return state.info;
    }
    read(request, &TrustedProxies::default(), SystemClock.now(), &OsEntropy)
}

/// Determines the id and the client's address of a new request.
pub(crate) fn read(
    request: &HttpRequest,
    proxies: &TrustedProxies,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> RequestInfo {
    let given = request.headers().get(&REQUEST_ID).map(HeaderValue::as_bytes);
    let forwarded = || request.headers().get_all(&FORWARDED_FOR).map(HeaderValue::as_bytes);
    let address = request.peer_addr().map(|peer| proxies.client(peer.ip(), forwarded));
    RequestInfo::new(given, address, now, entropy)
}

/// The state of a request behind the [`ContextMiddleware`](crate::ContextMiddleware), with the decision of the gate
/// once a guard has authenticated it.
pub(crate) struct RequestState {
    pub(crate) info: RequestInfo,
    pub(crate) decision: Option<Result<Admission, Rejection>>,
}

impl RequestState {
    /// Stores the decision of the gate in the request.
    pub(crate) fn decided(request: &HttpRequest, info: RequestInfo, decision: Result<Admission, Rejection>) {
        let mut extensions = request.extensions_mut();
        match extensions.get_mut::<Self>() {
            Some(state) => state.decision = Some(decision),
            None => {
                extensions.insert(Self { info, decision: Some(decision) });
            }
        }
    }
}
