//! Worker selection for a session. Store engines read the load of each worker and choose here.

use crate::{NewSession, Worker, WorkerId};

/// A worker and its load, as candidate for a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slots {
    /// The worker.
    pub worker: Worker,
    /// Number of its open sessions.
    pub taken: u32,
    /// Number of its open sessions that belong to the session's tenant.
    pub of_tenant: u32,
}

impl Slots {
    /// Chooses the worker for the session: of those that serve it and have room, in total and for its tenant, the one
    /// with the smallest fraction of its capacity in use, then the first by name. `except` lists workers that could
    /// not be reached.
    pub fn choose(all: impl IntoIterator<Item = Self>, session: &NewSession, except: &[WorkerId]) -> Option<Worker> {
        let fits = |it: &Self| {
            it.taken < it.worker.capacity
                && it.of_tenant < it.worker.share(session.is_one_of_several)
                && it.worker.serves(&session.tenant, &session.model, &session.language)
                && !except.contains(&it.worker.id)
        };
        // Compares the fractions a/b < c/d by cross-multiplication.
        let part = |it: &Self, other: &Self| u64::from(it.taken) * u64::from(other.worker.capacity);
        let order = |one: &Self, other: &Self| {
            part(one, other).cmp(&part(other, one)).then_with(|| one.worker.id.cmp(&other.worker.id))
        };
        all.into_iter().filter(fits).min_by(order).map(|it| it.worker)
    }
}
