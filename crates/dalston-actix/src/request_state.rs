//! What the layers know of a request: in one piece, since each piece is a box in the request.

use crate::names::{FORWARDED_FOR, REQUEST_ID};
use actix_web::{HttpMessage, HttpRequest, http::header::HeaderValue};
use dalston_auth::{
    Admission, Rejection,
    http::{RequestInfo, TrustedProxies},
};
use dalston_model::{Clock, Entropy, OsEntropy, SystemClock, Timestamp};

/// The id and the address of a request, as the [`ContextMiddleware`](crate::ContextMiddleware) left them in it, or made now.
pub fn request_info(request: &HttpRequest) -> RequestInfo {
    if let Some(visit) = request.extensions().get::<RequestState>() {
        return visit.info;
    }
    read(request, &TrustedProxies::default(), SystemClock.now(), &OsEntropy)
}

/// The same of a request that begins.
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

/// A request behind the envelope, and how the gate decided, once a guard has asked it.
pub(crate) struct RequestState {
    pub(crate) info: RequestInfo,
    pub(crate) decision: Option<Result<Admission, Rejection>>,
}

impl RequestState {
    /// Leaves in the request how the gate decided.
    pub(crate) fn decided(request: &HttpRequest, info: RequestInfo, decision: Result<Admission, Rejection>) {
        let mut extensions = request.extensions_mut();
        match extensions.get_mut::<Self>() {
            Some(visit) => visit.decision = Some(decision),
            None => {
                extensions.insert(Self { info, decision: Some(decision) });
            }
        }
    }
}
