//! Claims: a secret that waits, sealed, for whoever holds its link. For doors that must not carry a secret themselves.

use crate::{NewSecret, ServiceError, ServiceResult, token};
use chacha20poly1305::{ChaCha20Poly1305, Key, KeyInit, Nonce, aead::Aead};
use dalston_auth::{Gate, SecretText, Ticket};
use dalston_model::{AuditEntry, KeyAction, SharedClock, SharedEntropy, Source, Target, TenantId};
use dalston_work::{SharedWorkStorage, WorkTarget};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::{sync::Arc, time::Duration};

const NOUN: &str = "Claim";

/// A secret that waits in the store.
#[derive(Serialize, Deserialize)]
struct SealedSecret {
    tenant: String,
    /// What doors of JSON call it.
    #[serde(default = "of_old")]
    name: String,
    /// The id of what it is the secret of.
    key: String,
    sealed: String,
}

/// A secret that was claimed.
#[derive(Debug)]
pub struct ClaimedSecret {
    /// What doors of JSON call it.
    pub name: &'static str,
    /// The secret.
    pub secret: SecretText,
}

/// The use cases on claims.
pub struct ClaimLinks {
    store: SharedWorkStorage,
    gate: Arc<Gate>,
    clock: SharedClock,
    entropy: SharedEntropy,
}

impl ClaimLinks {
    /// A claim is good for five minutes.
    pub const LIFE: Duration = Duration::from_mins(5);

    pub(crate) fn new(store: SharedWorkStorage, gate: Arc<Gate>, clock: SharedClock, entropy: SharedEntropy) -> Self {
        Self { store, gate, clock, entropy }
    }

    /// Lets the secret of a tenant's key or webhook wait. Gives the token, which opens it once; the store has neither.
    pub async fn offer(&self, tenant: &TenantId, of: &Target, secret: &NewSecret) -> ServiceResult<String> {
        let token = format!("dc_{}", token::mint::<32>(&*self.entropy)?);
        let sealed = seal(&token, secret)?;
        let text = json!(SealedSecret {
            tenant: tenant.to_string(),
            name: secret.name().to_owned(),
            key: of.id().to_owned(),
            sealed
        })
        .to_string();
        let kept = self.store.put_entry(&name(&token)?, None, &text, Self::LIFE).await?;
        if kept { Ok(token) } else { Err(ServiceError::Internal) }
    }

    /// Whether the token opens anything. Opens nothing.
    pub async fn waits(&self, token: &str) -> ServiceResult<()> {
        self.waiting(token).await.map(drop)
    }

    /// The secret, once, to whoever asks first. The source says from where, for the record.
    pub async fn open(&self, token: &str, source: Source) -> ServiceResult<ClaimedSecret> {
        let (tenant, target, claimed) = self.waiting(token).await?;
        self.store.take_entry(&name(token)?).await?.ok_or(ServiceError::NotFound(NOUN))?;
        let time = self.clock.now();
        let entry = AuditEntry { time, tenant, source, action: KeyAction::SECRET_CLAIMED, target, detail: json!({}) };
        self.store.record(&entry).await?;
        Ok(claimed)
    }

    /// What waits for the token, and of whom. A secret that is good for nothing any more waits no longer.
    async fn waiting(&self, token: &str) -> ServiceResult<(TenantId, Target, ClaimedSecret)> {
        let note = self.store.get_entry(&name(token)?).await?;
        let text = note.ok_or(ServiceError::NotFound(NOUN))?;
        let SealedSecret { tenant, name, key, sealed } =
            serde_json::from_str(&text).map_err(|_| ServiceError::Internal)?;
        let secret = unseal(token, &sealed).ok_or(ServiceError::Internal)?;
        let tenant: TenantId = tenant.parse().map_err(|_| ServiceError::Internal)?;
        let name = NewSecret::NAMES.into_iter().find(|known| *known == name).ok_or(ServiceError::Internal)?;
        let (target, is_good) = match (key.parse(), key.parse()) {
            (Ok(key), _) if name == NewSecret::TICKET => (Target::key(key), self.is_unused_ticket(&secret).await?),
            (Ok(key), _) => (Target::key(key), self.opens_key(&secret).await?),
            (_, Ok(hook)) => (WorkTarget::Webhook(hook).into(), self.store.webhook(&tenant, hook).await?.is_some()),
            _ => return Err(ServiceError::Internal),
        };
        if is_good { Ok((tenant, target, ClaimedSecret { name, secret })) } else { Err(ServiceError::NotFound(NOUN)) }
    }

    /// Whether the secret is a ticket that is neither used nor expired. What becomes of its key is looked at when it is used.
    async fn is_unused_ticket(&self, secret: &SecretText) -> ServiceResult<bool> {
        let Some(ticket) = Ticket::parse(secret.expose().as_bytes()) else { return Ok(false) };
        Ok(self.store.get_entry(&Ticket::name(self.gate.digester(), &ticket)).await?.is_some())
    }

    /// Whether the secret leads to a key that is neither revoked nor expired. One that is disabled may be enabled again.
    async fn opens_key(&self, secret: &SecretText) -> ServiceResult<bool> {
        let Some(secret) = self.gate.format().check(secret.expose().as_bytes()) else { return Ok(false) };
        let found = self.store.find_key(&self.gate.digester().digest(secret)).await?;
        Ok(found.is_some_and(|found| {
            let ends = [found.key.expires_at, found.secret_expires_at].into_iter().flatten();
            found.key.revoked_at.is_none() && ends.min().is_none_or(|end| end > found.now)
        }))
    }
}

/// What an earlier version let wait was a key.
fn of_old() -> String {
    "key".to_owned()
}

/// The name of what a token opens. A token of another shape opens nothing, and asks no store.
fn name(token: &str) -> ServiceResult<String> {
    // Those of an earlier version have no mark.
    let digits = token.strip_prefix("dc_").unwrap_or(token);
    let is_token = digits.len() == 64 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_token.then(|| token::name("claim", token)).ok_or(ServiceError::NotFound(NOUN))
}

/// The cipher of a token. Each token has its own key, used for one text: the nonce may stand still.
fn cipher(token: &str) -> (ChaCha20Poly1305, Nonce) {
    let key: [u8; 32] = Sha256::new().chain_update("dalston claim:").chain_update(token).finalize().into();
    (ChaCha20Poly1305::new(&Key::from(key)), Nonce::default())
}

fn seal(token: &str, secret: &NewSecret) -> ServiceResult<String> {
    let (cipher, nonce) = cipher(token);
    let sealed = cipher.encrypt(&nonce, secret.expose().as_bytes()).map_err(|_| ServiceError::Internal)?;
    Ok(token::hex(&sealed))
}

fn unseal(token: &str, sealed: &str) -> Option<SecretText> {
    let bytes: Option<Vec<u8>> =
        (0..sealed.len()).step_by(2).map(|at| u8::from_str_radix(sealed.get(at..at + 2)?, 16).ok()).collect();
    let (cipher, nonce) = cipher(token);
    String::from_utf8(cipher.decrypt(&nonce, bytes?.as_slice()).ok()?).ok().map(SecretText::new)
}
