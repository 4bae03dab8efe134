//! A request that needs a call of the store.

use crate::{Admission, Gate, Rejection, RejectionReason, Requirement, scheme::Authenticated};
use dalston_model::Source;
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// The outcome of a request at the gate, as far as it is known without the store.
pub enum GateStep {
    /// The request is decided.
    Decided(Result<Admission, Rejection>),
    /// The store must be asked.
    Lookup(Lookup),
}

/// A request that needs a call of the store.
///
/// It owns what the gate has extracted from the request, so the head is not read again, and no digest is computed
/// twice.
pub struct Lookup {
    pub(crate) gate: Arc<Gate>,
    pub(crate) pending: Pending,
    pub(crate) source: Source,
    /// The tenant that the request names.
    pub(crate) tenant: Option<String>,
    pub(crate) requirement: Requirement,
}

/// What the store must be asked for.
pub(crate) enum Pending {
    /// The principal, and then the rate limit and the tenant.
    Authenticate(BoxFuture<'static, Result<Option<Authenticated>, RejectionReason>>),
    /// The principal is known. The store must be asked for the rate limit, or for the tenant that the request names.
    Room(Authenticated),
}

impl Lookup {
    /// Calls the store, and decides.
    pub async fn run(self) -> Result<Admission, Rejection> {
        let Self { gate, pending, source, tenant, requirement } = self;
        let decision = gate.complete(pending, source, tenant.as_deref(), requirement).await;
        gate.record_decision(decision)
    }
}
