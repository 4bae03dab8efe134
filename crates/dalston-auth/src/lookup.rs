//! A request for which the store must be asked.

use crate::{Admission, Gate, Rejection, RejectionReason, Requirement, scheme::Authenticated};
use dalston_model::Source;
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// What became of a request at the gate.
pub enum GateStep {
    /// It is decided.
    Decided(Result<Admission, Rejection>),
    /// The store must be asked.
    Lookup(Lookup),
}

/// A request for which the store must be asked. It owns what the gate has read of it: the head is not read again, and no
/// digest is made twice.
pub struct Lookup {
    pub(crate) gate: Arc<Gate>,
    pub(crate) pending: Pending,
    pub(crate) source: Source,
    /// The tenant that it names.
    pub(crate) tenant: Option<String>,
    pub(crate) need: Requirement,
}

/// What the store is asked for.
pub(crate) enum Pending {
    /// Who it is, and all the rest.
    Proof(BoxFuture<'static, Result<Option<Authenticated>, RejectionReason>>),
    /// Who it is is known: whether there is room in its minute, or the tenant that it names.
    Room(Authenticated),
}

impl Lookup {
    /// Asks the store, and decides.
    pub async fn run(self) -> Result<Admission, Rejection> {
        let Self { gate, pending, source, tenant, need } = self;
        let decision = gate.look_up(pending, source, tenant.as_deref(), need).await;
        gate.counted(decision)
    }
}
