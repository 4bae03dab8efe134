//! What the layers know of a request: in one piece, since each piece is a box in the request.

use crate::{TrustedProxies, names::REQUEST_ID};
use actix_web::{HttpMessage, HttpRequest};
use dalston_auth::{Admission, Denied};
use dalston_model::{Clock, Entropy, OsEntropy, RequestId, SystemClock, Timestamp};
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
    /// As the [`Envelope`](crate::Envelope) left it in the request, or made now.
    pub fn of(request: &HttpRequest) -> Self {
        if let Some(visit) = request.extensions().get::<Visit>() {
            return visit.info;
        }
        Self::read(request, &TrustedProxies::default(), SystemClock.now(), &OsEntropy)
    }

    pub(crate) fn read(request: &HttpRequest, proxies: &TrustedProxies, now: Timestamp, entropy: &dyn Entropy) -> Self {
        let given = request.headers().get(&REQUEST_ID).and_then(|value| value.to_str().ok()?.parse().ok());
        // Without chance an id is only its time: it is a name for the log, not a secret.
        let id = given.or_else(|| RequestId::new(now, entropy).ok()).unwrap_or_else(|| RequestId::at(now));
        Self { id, address: proxies.client(request) }
    }
}

/// A request behind the envelope, and how the gate decided, once a guard has asked it.
pub(crate) struct Visit {
    pub(crate) info: RequestInfo,
    pub(crate) decision: Option<Result<Admission, Denied>>,
}

impl Visit {
    /// Leaves in the request how the gate decided.
    pub(crate) fn decided(request: &HttpRequest, info: RequestInfo, decision: Result<Admission, Denied>) {
        let mut extensions = request.extensions_mut();
        match extensions.get_mut::<Self>() {
            Some(visit) => visit.decision = Some(decision),
            None => {
                extensions.insert(Self { info, decision: Some(decision) });
            }
        }
    }
}
