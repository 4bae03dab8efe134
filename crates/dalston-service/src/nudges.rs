//! Nudges: messages to the administrators.

use crate::{NotDelivered, Notifications, NudgeOutcome, NudgeResult, SentView, ServiceError, ServiceResult, token};
use dalston_auth::{AuthError, IdempotentRequest, Mask, Permit, rights};
use dalston_model::{KeyDigest, SharedClock, Target};
use dalston_work::{SharedWorkStorage, WorkAction};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{sync::Arc, time::Duration};

/// How long the result of a nudge is kept for repeated requests.
const REPEAT: Duration = Duration::from_hours(24);

/// Who writes the text of a nudge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NudgeAuthor {
    /// The message is sent unchanged.
    Direct,
    /// A language model writes the text.
    Llm,
}

impl NudgeAuthor {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Llm => "llm",
        }
    }
}

/// A request to send a nudge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NudgeRequest {
    /// The message to send, or the subject for the language model.
    pub message: String,
    /// Who writes the text.
    pub wording: NudgeAuthor,
    /// The administrator who receives it; `None`: all of them.
    pub user: Option<i64>,
}

/// The stored state of a nudge with an idempotency key.
#[derive(Serialize, Deserialize)]
struct StoredNudge {
    fingerprint: String,
    /// `null` while the nudge is being sent.
    result: Option<NudgeResult>,
}

/// The use cases for nudges.
pub struct Nudges {
    store: SharedWorkStorage,
    clock: SharedClock,
    notifications: Notifications,
    mask: Arc<Mask>,
}

impl Nudges {
    pub(crate) fn new(
        store: SharedWorkStorage,
        clock: SharedClock,
        notifications: Notifications,
        mask: Arc<Mask>,
    ) -> Self {
        Self { store, clock, notifications, mask }
    }

    /// Sends the nudge.
    ///
    /// A repeated request with the same idempotency key sends nothing and returns the result of the first. Fails with
    /// [`ServiceError::Undelivered`] when no administrator received the message.
    pub async fn send(
        &self,
        permit: &Permit<rights::Nudge>,
        nudge: &NudgeRequest,
        repeat: Option<&IdempotentRequest>,
    ) -> ServiceResult<NudgeOutcome> {
        let users = self.users(nudge.user)?;
        let Some(repeat) = repeat else { return outcome(self.deliver(permit, nudge, &users).await?) };
        let claim = repeat.claim(permit, "nudge", self.clock.now());
        let name = token::name("nudge", &format!("{}:{}:{}", claim.scope.len(), claim.scope, claim.key));
        let fingerprint = KeyDigest::new(claim.fingerprint).to_hex();
        let begun = json!(StoredNudge { fingerprint: fingerprint.clone(), result: None }).to_string();
        if !self.store.put_entry(&name, None, &begun, REPEAT).await? {
            return self.repeated(&name, &fingerprint).await;
        }
        match self.deliver(permit, nudge, &users).await {
            Ok(result) => {
                let done = json!(StoredNudge { fingerprint, result: Some(result.clone()) }).to_string();
                // The message was sent, so an error of the store does not fail the request. A repeated request finds
                // the nudge in progress, and sends nothing.
                if let Err(error) = self.store.put_entry(&name, Some(&begun), &done, REPEAT).await {
                    tracing::error!(event = "nudge.store_failed", %error, "could not store the result of a nudge");
                }
                outcome(result)
            }
            Err(error) => {
                // Nothing was sent, so a repeated request may send it.
                self.store.take_entry(&name).await?;
                Err(error)
            }
        }
    }

    /// Returns the recipients. Fails when no channel to them is configured.
    fn users(&self, user: Option<i64>) -> ServiceResult<Vec<i64>> {
        let all = self.notifications.administrators.ids();
        if self.notifications.messenger.is_none() || all.is_empty() {
            return Err(ServiceError::Unconfigured("No channel to the administrators is configured"));
        }
        match user {
            None => Ok(all.to_vec()),
            Some(user) if all.contains(&user) => Ok(vec![user]),
            Some(_) => Err(ServiceError::invalid("user_id", "must be the chat id of an administrator")),
        }
    }

    /// Returns the result of the first request with this idempotency key.
    async fn repeated(&self, name: &str, fingerprint: &str) -> ServiceResult<NudgeOutcome> {
        let text = self.store.get_entry(name).await?.ok_or(ServiceError::Unavailable)?;
        let kept: StoredNudge = serde_json::from_str(&text).map_err(|_| ServiceError::Internal)?;
        if kept.fingerprint != fingerprint {
            return Err(AuthError::other_payload().into());
        }
        kept.result.map_or_else(
            || Err(ServiceError::Conflict("The first request with this Idempotency-Key has not ended".into())),
            outcome,
        )
    }

    async fn deliver(
        &self,
        permit: &Permit<rights::Nudge>,
        nudge: &NudgeRequest,
        users: &[i64],
    ) -> ServiceResult<NudgeResult> {
        let unconfigured = ServiceError::Unconfigured("No language model is configured");
        let text = match (nudge.wording, &self.notifications.writer) {
            (NudgeAuthor::Direct, _) => nudge.message.clone(),
            (NudgeAuthor::Llm, Some(writer)) => writer.write(&nudge.message).await?,
            (NudgeAuthor::Llm, None) => return Err(unconfigured),
        };
        // A chat stores its messages, so secrets are masked.
        let text = self.mask.text(&text);
        let mut results = Vec::new();
        let mut sent = 0_u32;
        for user in users {
            let delivered = match &self.notifications.messenger {
                Some(messenger) => messenger.send(*user, &text).await,
                None => Err(NotDelivered::Unreachable),
            };
            sent += u32::from(delivered.is_ok());
            results.push(SentView {
                user_id: *user,
                status: if delivered.is_ok() { "sent" } else { "failed" }.to_owned(),
                message_id: delivered.as_ref().ok().copied(),
                error: delivered.err().map(|error| error.to_string()),
            });
        }
        let failed = u32::try_from(results.len()).unwrap_or(u32::MAX) - sent;
        let mode = nudge.wording.as_str();
        let detail = json!({"mode": mode, "sent": sent, "failed": failed});
        let target = Target::tenant(permit.tenant());
        let entry = permit.entry(self.clock.now(), WorkAction::NUDGE_SENT, target, detail);
        if let Err(error) = self.store.record(&entry).await {
            tracing::error!(event = "nudge.record_failed", %error, "could not record a nudge");
        }
        Ok(NudgeResult { mode: mode.to_owned(), sent_count: sent, failed_count: failed, results })
    }
}

fn outcome(result: NudgeResult) -> ServiceResult<NudgeOutcome> {
    if result.sent_count == 0 {
        return Err(ServiceError::Undelivered(json!(result)));
    }
    Ok(NudgeOutcome { partial: result.failed_count > 0, result })
}
