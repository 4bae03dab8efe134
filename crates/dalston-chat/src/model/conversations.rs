//! Concurrency limit for conversations with the language model, shared fairly between tenants and callers.

use super::{LanguageModel, conversation::Conversation};
use crate::{Dialogue, DialogueReply};
use dalston_auth::Caller;
use dalston_model::TenantId;
use dalston_service::{ServiceError, ServiceResult, Shares, TenantPresence};
use std::sync::Arc;

/// Maximum number of concurrent conversations. One tenant may use half of them, or all if no other tenant is active;
/// one caller may use half.
const AT_ONCE: usize = 8;

/// The running conversations of a node.
pub(crate) struct Conversations {
    model: Arc<LanguageModel>,
    of_tenants: Arc<Shares<TenantId>>,
    of_callers: Arc<Shares<String>>,
}

impl Conversations {
    /// Creates the limit for this model. `tenant_presence` is the set of tenants that share it.
    pub(crate) fn new(model: Arc<LanguageModel>, tenant_presence: Arc<TenantPresence>) -> Self {
        Self { model, of_tenants: Shares::new(AT_ONCE, tenant_presence), of_callers: Shares::of_callers(AT_ONCE) }
    }

    /// Answers a message. Fails at once when too many conversations are running.
    pub(crate) async fn answer(
        &self,
        dialogue: &Dialogue,
        caller: &Caller,
        message: String,
    ) -> ServiceResult<DialogueReply> {
        let busy = || ServiceError::Unreachable("The language model is busy");
        let _of_tenant = self.of_tenants.take(caller.tenant()).ok_or_else(busy)?;
        let _of_caller = self.of_callers.take(&caller.source().actor.to_string()).ok_or_else(busy)?;
        Conversation::new(dialogue, caller).run_loop(&self.model, message).await
    }
}
