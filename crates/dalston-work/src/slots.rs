//! Which worker a session gets. Engines read what is taken of each, and ask here.

use crate::{NewSession, Worker, WorkerId};

/// A worker, and what of it is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slots {
    /// The worker.
    pub worker: Worker,
    /// Its sessions.
    pub taken: u32,
    /// Those of them that are of the tenant of the session.
    pub of_tenant: u32,
}

impl Slots {
    /// The worker that the session gets: of those that serve it and have room, for its tenant too, the one with the
    /// smallest share of its capacity in use, then the first by name. `except` are those that could not be reached.
    pub fn choose(all: impl IntoIterator<Item = Self>, session: &NewSession, except: &[WorkerId]) -> Option<Worker> {
        let fits = |it: &Self| {
            it.taken < it.worker.capacity
                && it.of_tenant < it.worker.share(session.is_one_of_several)
                && it.worker.serves(&session.tenant, &session.model, &session.language)
                && !except.contains(&it.worker.id)
        };
        // a/b < c/d without fractions.
        let part = |it: &Self, other: &Self| u64::from(it.taken) * u64::from(other.worker.capacity);
        let order = |one: &Self, other: &Self| {
            part(one, other).cmp(&part(other, one)).then_with(|| one.worker.id.cmp(&other.worker.id))
        };
        all.into_iter().filter(fits).min_by(order).map(|it| it.worker)
    }
}
