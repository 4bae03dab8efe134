//! Proposals: a command that cannot be undone, or that a language model wants to run, waits for its caller's
//! confirmation.

use crate::{ServiceError, ServiceResult, token};
use dalston_auth::Caller;
use dalston_model::{Door, SharedClock, SharedEntropy, Timestamp};
use dalston_work::SharedWorkStorage;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::time::Duration;

const NOUN: &str = "Confirmation";
/// Maximum size of a stored proposal, in bytes.
const LONGEST: usize = 4 * 1024;

/// A command that waits for confirmation.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// The token that confirms the command, once.
    pub token: String,
    /// The command.
    pub command: String,
    /// The arguments of the command.
    pub arguments: Map<String, Value>,
    /// When the proposal expires.
    pub expires_at: Timestamp,
}

/// A command that its caller confirmed.
#[derive(Debug)]
pub struct Confirmed {
    /// The caller. If a language model proposed the command, the audit log records it as run through the model's door
    /// ([`Door::Llm`]).
    pub caller: Caller,
    /// The command.
    pub command: String,
    /// The arguments of the command.
    pub arguments: Map<String, Value>,
}

/// A proposal in the store.
#[derive(Serialize, Deserialize)]
struct StoredProposal {
    actor: String,
    tenant: String,
    command: String,
    arguments: Map<String, Value>,
    /// Whether a language model proposed the command.
    #[serde(default)]
    by_model: bool,
}

/// The use cases for proposals.
pub struct Proposals {
    store: SharedWorkStorage,
    clock: SharedClock,
    entropy: SharedEntropy,
}

impl Proposals {
    /// Lifetime of a proposal.
    pub const LIFE: Duration = Duration::from_mins(5);

    pub(crate) fn new(store: SharedWorkStorage, clock: SharedClock, entropy: SharedEntropy) -> Self {
        Self { store, clock, entropy }
    }

    /// Stores a command until its caller confirms it. Fails with [`ServiceError::TooLarge`] when it is too large to
    /// store.
    pub async fn propose(
        &self,
        caller: &Caller,
        command: &str,
        arguments: Map<String, Value>,
    ) -> ServiceResult<Proposal> {
        let token = format!("dp_{}", token::mint::<16>(&*self.entropy)?);
        let waiting = StoredProposal {
            actor: caller.source().actor.to_string(),
            tenant: caller.tenant().to_string(),
            command: command.to_owned(),
            arguments: arguments.clone(),
            by_model: caller.source().door == Door::Llm,
        };
        let (name, text) = (token::name("proposal", &token), json!(waiting).to_string());
        if text.len() > LONGEST {
            return Err(ServiceError::TooLarge);
        }
        if !self.store.put_entry(&name, None, &text, Self::LIFE).await? {
            return Err(ServiceError::Internal);
        }
        let expires_at = self.clock.now().plus(Self::LIFE);
        Ok(Proposal { token, command: command.to_owned(), arguments, expires_at })
    }

    /// Takes the command of a token, once. Only the caller that it was proposed to may take it, in the same tenant.
    pub async fn take(&self, caller: &Caller, token: &str) -> ServiceResult<Confirmed> {
        let name = token::name("proposal", token);
        let text = self.store.get_entry(&name).await?.ok_or(ServiceError::NotFound(NOUN))?;
        let waiting: StoredProposal = serde_json::from_str(&text).map_err(|_| ServiceError::Internal)?;
        let theirs = waiting.actor == caller.source().actor.to_string() && waiting.tenant == caller.tenant().as_str();
        if !theirs || self.store.take_entry(&name).await?.is_none() {
            return Err(ServiceError::NotFound(NOUN));
        }
        let caller = caller.clone();
        let caller = if waiting.by_model { caller.through(Door::Llm) } else { caller };
        Ok(Confirmed { caller, command: waiting.command, arguments: waiting.arguments })
    }
}
