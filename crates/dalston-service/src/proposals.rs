//! Proposals: a command that cannot be undone, or that a language model wants to run, waits until its caller confirms
//! it.

use crate::{ServiceError, ServiceResult, token};
use dalston_auth::Caller;
use dalston_model::{Door, SharedClock, SharedEntropy, Timestamp};
use dalston_work::SharedWorkStorage;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::time::Duration;

const NOUN: &str = "Confirmation";
/// A proposal has at most so many bytes in the store.
const LONGEST: usize = 4 * 1024;

/// A command that waits to be confirmed.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// What confirms it, once.
    pub token: String,
    /// The command.
    pub command: String,
    /// Its arguments.
    pub arguments: Map<String, Value>,
    /// When it lapses.
    pub expires_at: Timestamp,
}

/// A command that its caller confirmed.
#[derive(Debug)]
pub struct Confirmed {
    /// The caller. What a language model proposed is recorded as done through its door.
    pub caller: Caller,
    /// The command.
    pub command: String,
    /// Its arguments.
    pub arguments: Map<String, Value>,
}

/// A proposal in the store.
#[derive(Serialize, Deserialize)]
struct StoredProposal {
    actor: String,
    tenant: String,
    command: String,
    arguments: Map<String, Value>,
    /// Whether a language model proposed it.
    #[serde(default)]
    by_model: bool,
}

/// The use cases on proposals.
pub struct Proposals {
    store: SharedWorkStorage,
    clock: SharedClock,
    entropy: SharedEntropy,
}

impl Proposals {
    /// A proposal is good for five minutes.
    pub const LIFE: Duration = Duration::from_mins(5);

    pub(crate) fn new(store: SharedWorkStorage, clock: SharedClock, entropy: SharedEntropy) -> Self {
        Self { store, clock, entropy }
    }

    /// Lets a command wait for its caller.
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

    /// Takes the command of a token: once, and only by the caller for whom it waits, in the same tenant.
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
