//! Optimistic changes of a key: reads, decides, and writes only if the key was not changed in between.

use crate::{
    RedisStore,
    argument::argument,
    call::StoreCall,
    row::{KeyArgument, KnownKey},
    scripts::{self, ClaimArgument, OOM_SCRIPTS, SCRIPTS},
};
use dalston_model::{AuditEntry, Key, KeyId, PageRequest, TenantId, Timestamp};
use dalston_store::{
    AlreadyProcessed, IdempotencyKey, KeyToInsert, KeyWithUse, Overlap, PolicyViolation, Rotation, StoreError,
    StoreResult, UpdatePrecondition,
};
use serde::Serialize;

/// How often a change is retried when another change came first.
const TRIES: u32 = 16;

/// A change of a key.
pub(crate) struct KeyUpdate<'a> {
    /// Returns the changed key.
    pub(crate) edit: &'a (dyn Fn(Key) -> Key + Send + Sync),
    /// The precondition.
    pub(crate) guard: &'a UpdatePrecondition,
    /// The new secret, for a rotation.
    pub(crate) rotation: Option<&'a Rotation>,
    /// The idempotency key, if there is one.
    pub(crate) claim: Option<&'a IdempotencyKey>,
    /// The audit entry.
    pub(crate) entry: &'a AuditEntry,
}

/// The outcome of a change.
pub(crate) enum KeyUpdateOutcome {
    /// The key as it is now; for a rotation, also when the previous secret expires.
    Changed(Box<KeyWithUse>, Option<Timestamp>),
    /// The tenant has no such key.
    Unknown,
    /// The precondition forbids the change.
    Refused(PolicyViolation),
    /// The overlap of an earlier rotation lasts until this time.
    Overlapping(Timestamp),
    /// The idempotency key was used before.
    Repeated(AlreadyProcessed),
}

#[derive(Serialize)]
struct InsertArgument {
    key: KeyArgument,
    first: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim: Option<ClaimArgument>,
}

#[derive(Serialize)]
struct ChangeArgument {
    key: KeyArgument,
    seq: String,
    was_revoked: bool,
    /// Set if the tenant must have another admin key that is live at this time, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    needs_admin_at: Option<String>,
    /// Set if the key gets a new secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    overlap: Option<OverlapArgument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim: Option<ClaimArgument>,
}

/// How long the current secret stays valid, in microseconds.
#[derive(Serialize)]
struct OverlapArgument {
    length: String,
    end_running: bool,
}

impl OverlapArgument {
    fn new(overlap: &Overlap) -> Self {
        Self { length: overlap.length.as_micros().to_string(), end_running: overlap.end_running }
    }
}

impl RedisStore {
    /// Inserts a key. With `first`, inserts it and its tenant only if the store has no key yet. Returns the script's
    /// reply.
    pub(crate) async fn insert(
        &self,
        new: &KeyToInsert,
        claim: Option<&IdempotencyKey>,
        entry: &AuditEntry,
        first: bool,
    ) -> StoreResult<Vec<String>> {
        let used = KeyWithUse { key: new.key.clone(), last_used_at: None };
        let key = KeyArgument::new(&used, new.digest.to_hex())?.shared().audited(entry)?;
        let given = argument(&InsertArgument { key, first, claim: claim.map(ClaimArgument::new) })?;
        self.link.call().run(SCRIPTS.insert_key.arg(given).arg(self.now())).await
    }

    /// Applies a change, unless the precondition forbids it.
    pub(crate) async fn change(
        &self,
        call: &StoreCall<'_>,
        tenant: &TenantId,
        id: KeyId,
        change: &KeyUpdate<'_>,
    ) -> StoreResult<KeyUpdateOutcome> {
        if let Some(claim) = change.claim {
            let given = argument(&ClaimArgument::new(claim))?;
            let answer: Vec<String> = call.run(SCRIPTS.read_claim.arg(given).arg(self.now())).await?;
            if answer != ["free"] {
                return scripts::repeated(change.claim, &answer).map(KeyUpdateOutcome::Repeated);
            }
        }
        for _ in 0..TRIES {
            let Some(known) = self.load(call, tenant, id).await? else { return Ok(KeyUpdateOutcome::Unknown) };
            let before = &known.used.key;
            let after = (change.edit)(before.clone());
            if let Some(violation) = change.guard.violation(before, &after, true) {
                return Ok(KeyUpdateOutcome::Refused(violation));
            }
            // The script searches the index for another admin key, so the Python gateway's keys must be imported first.
            let needs_admin = change.guard.violation(before, &after, false).is_some();
            if needs_admin {
                self.page(call, tenant, &PageRequest::default(), false).await?;
            }
            let takes_away = change.rotation.is_none() && only_revokes_or_disables(before, &after);
            let used = KeyWithUse { key: after, last_used_at: known.used.last_used_at };
            let given = argument(&change.argument(&known, &used, needs_admin)?)?;
            let mut script = SCRIPTS.change_key.arg(&given);
            script.arg(self.now());
            let answer: Vec<String> = if takes_away {
                call.run_or_retry_oom(&script, OOM_SCRIPTS.change_key.arg(&given).arg(self.now())).await?
            } else {
                call.run(&script).await?
            };
            return match answer.as_slice() {
                [word] if word == "moved" => continue,
                [word] if word == "changed" => Ok(KeyUpdateOutcome::Changed(Box::new(used), None)),
                [word, until] if word == "changed" => Ok(KeyUpdateOutcome::Changed(Box::new(used), Some(time(until)?))),
                [word, until] if word == "overlapping" => Ok(KeyUpdateOutcome::Overlapping(time(until)?)),
                [word] if word == "last_admin" => Ok(KeyUpdateOutcome::Refused(PolicyViolation::LastAdmin)),
                answer => scripts::repeated(change.claim, answer).map(KeyUpdateOutcome::Repeated),
            };
        }
        Err(StoreError::unavailable(format_args!("key {id} is changed by too many at once")))
    }

    /// Stores a revocation that only the Python gateway has recorded.
    pub(crate) async fn sync_legacy_revocation(&self, call: &StoreCall<'_>, known: &KnownKey) -> StoreResult<()> {
        let given = ChangeArgument {
            key: KeyArgument::new(&known.used, known.digest.clone())?
                .with_old(&known.used, known.old.as_ref().map(|(old, _)| old.as_str()))?,
            seq: known.seq.clone(),
            was_revoked: known.legacy_revoked,
            needs_admin_at: None,
            overlap: None,
            claim: None,
        };
        // If the key changed in between, either that change stored the revocation too, or the next read tries again.
        let answer = call.run::<Vec<String>>(SCRIPTS.change_key.arg(argument(&given)?).arg(self.now())).await;
        answer.map(|_| ())
    }
}

/// Parses a time in a script's reply.
fn time(micros: &str) -> StoreResult<Timestamp> {
    micros.parse().map(Timestamp::from_micros).map_err(StoreError::corrupt)
}

/// Returns whether a change does nothing but revoke or disable the key.
fn only_revokes_or_disables(before: &Key, after: &Key) -> bool {
    let Key { enabled, revoked_at, .. } = *after;
    (revoked_at.is_some() || !enabled) && Key { enabled, revoked_at, ..before.clone() } == *after
}

impl KeyUpdate<'_> {
    fn argument(&self, known: &KnownKey, used: &KeyWithUse, needs_admin: bool) -> StoreResult<ChangeArgument> {
        let key = match self.rotation {
            Some(rotation) => KeyArgument::new(used, rotation.digest.to_hex())?,
            None => KeyArgument::new(used, known.digest.clone())?
                .with_old(used, known.old.as_ref().map(|(old, _)| old.as_str()))?,
        };
        Ok(ChangeArgument {
            key: key.shared().audited(self.entry)?,
            seq: known.seq.clone(),
            was_revoked: known.legacy_revoked,
            needs_admin_at: needs_admin.then(|| self.guard.at.as_micros().to_string()),
            overlap: self.rotation.map(|rotation| OverlapArgument::new(&rotation.overlap)),
            claim: self.claim.map(ClaimArgument::new),
        })
    }
}
