//! Applies a change of a principal: closes its streams and cancels its queued jobs.

use crate::{Streams, TenantPresence, job_notifier::JobNotifier};
use dalston_auth::{PrincipalChange, PrincipalObserver};
use std::sync::Arc;

/// Revokes what a principal may no longer have, whether it was changed on this node or on another one.
pub(crate) struct Revocation {
    pub(crate) streams: Arc<Streams>,
    pub(crate) board: Arc<JobNotifier>,
    pub(crate) crowd: Arc<TenantPresence>,
}

impl PrincipalObserver for Revocation {
    fn principal_changed(&self, change: &PrincipalChange) {
        self.crowd.saw(&change.tenant);
        self.streams.principal_changed(change);
        if change.now.is_none() {
            self.board.key_revoked();
        }
    }
}
