//! Conversations with the model: a few at once.

use super::{Model, conversation::Conversation};
use crate::{Dialogue, Reply};
use dalston_auth::Caller;
use dalston_service::{ServiceError, ServiceResult};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// So many callers talk to the model at once.
const AT_ONCE: usize = 8;

/// The conversations of a node.
pub(crate) struct Conversations {
    model: Arc<Model>,
    room: Semaphore,
}

impl Conversations {
    /// With this model.
    pub(crate) fn new(model: Arc<Model>) -> Self {
        Self { model, room: Semaphore::new(AT_ONCE) }
    }

    /// Answers a message, or refuses at once when too many others talk.
    pub(crate) async fn answer(&self, dialogue: &Dialogue, caller: &Caller, message: String) -> ServiceResult<Reply> {
        let busy = ServiceError::Unreachable("The language model is busy with others");
        let _room = self.room.try_acquire().map_err(|_| busy)?;
        Conversation::new(dialogue, caller).hold(&self.model, message).await
    }
}
