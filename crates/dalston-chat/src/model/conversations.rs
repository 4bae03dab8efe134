//! Conversations with the model: a few at once, of which each tenant and each caller has a share.

use super::{LanguageModel, conversation::Conversation};
use crate::{Dialogue, DialogueReply};
use dalston_auth::Caller;
use dalston_model::TenantId;
use dalston_service::{TenantPresence, ServiceError, ServiceResult, Shares};
use std::sync::Arc;

/// So many callers talk to the model at once: half of them of one tenant, unless it is alone, and half of one caller.
const AT_ONCE: usize = 8;

/// The conversations of a node.
pub(crate) struct Conversations {
    model: Arc<LanguageModel>,
    of_tenants: Arc<Shares<TenantId>>,
    of_callers: Arc<Shares<String>>,
}

impl Conversations {
    /// With this model, for the tenants of this crowd.
    pub(crate) fn new(model: Arc<LanguageModel>, crowd: Arc<TenantPresence>) -> Self {
        Self { model, of_tenants: Shares::new(AT_ONCE, crowd), of_callers: Shares::of_callers(AT_ONCE) }
    }

    /// Answers a message, or refuses at once when too many talk.
    pub(crate) async fn answer(&self, dialogue: &Dialogue, caller: &Caller, message: String) -> ServiceResult<DialogueReply> {
        let busy = || ServiceError::Unreachable("The language model is busy");
        let _of_tenant = self.of_tenants.take(caller.tenant()).ok_or_else(busy)?;
        let _of_caller = self.of_callers.take(&caller.source().actor.to_string()).ok_or_else(busy)?;
        Conversation::new(dialogue, caller).hold(&self.model, message).await
    }
}
