//! Applies a change of a principal: closes its streams and cancels its queued jobs.

use crate::{Streams, TenantPresence, job_notifier::JobNotifier};
use dalston_auth::{PrincipalChange, PrincipalObserver};
use std::sync::Arc;

/// Revokes what a principal may no longer have, whether it was changed on this node or on another one.
pub(crate) struct Revocation {
    pub(crate) streams: Arc<Streams>,
    pub(crate) job_notifier: Arc<JobNotifier>,
    pub(crate) tenant_presence: Arc<TenantPresence>,
}

impl PrincipalObserver for Revocation {
    fn principal_changed(&self, change: &PrincipalChange) {
        self.tenant_presence.record_tenant(&change.tenant);
        self.streams.principal_changed(change);
        if change.now.is_none() {
            self.job_notifier.key_revoked();
        }
    }
}
