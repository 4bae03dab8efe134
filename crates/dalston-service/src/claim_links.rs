//! Claim links: a secret waits encrypted in the store, until a client opens its link. For front ends that must not
//! carry a secret themselves.

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

/// An encrypted secret in the store.
#[derive(Serialize, Deserialize)]
struct SealedSecret {
    tenant: String,
    /// The secret's name in JSON responses.
    #[serde(default = "of_old")]
    name: String,
    /// The id of the key or webhook that the secret belongs to.
    key: String,
    sealed: String,
}

/// A secret that was claimed.
#[derive(Debug)]
pub struct ClaimedSecret {
    /// The secret's name in JSON responses.
    pub name: &'static str,
    /// The secret.
    pub secret: SecretText,
}

/// The use cases for claim links.
pub struct ClaimLinks {
    store: SharedWorkStorage,
    gate: Arc<Gate>,
    clock: SharedClock,
    entropy: SharedEntropy,
}

impl ClaimLinks {
    /// Lifetime of a claim link.
    pub const LIFE: Duration = Duration::from_mins(5);

    pub(crate) fn new(store: SharedWorkStorage, gate: Arc<Gate>, clock: SharedClock, entropy: SharedEntropy) -> Self {
        Self { store, gate, clock, entropy }
    }

    /// Stores the secret of a tenant's key or webhook, encrypted.
    ///
    /// Returns the token that opens it once. The store has neither the token nor the plain secret.
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

    /// Checks that the token opens a secret, without claiming it. Fails with [`ServiceError::NotFound`] otherwise.
    pub async fn waits(&self, token: &str) -> ServiceResult<()> {
        self.waiting(token).await.map(drop)
    }

    /// Claims the secret, once: the first caller gets it.
    ///
    /// `source` is the origin of the request, for the audit record.
    pub async fn open(&self, token: &str, source: Source) -> ServiceResult<ClaimedSecret> {
        let (tenant, target, claimed) = self.waiting(token).await?;
        self.store.take_entry(&name(token)?).await?.ok_or(ServiceError::NotFound(NOUN))?;
        let time = self.clock.now();
        let entry = AuditEntry { time, tenant, source, action: KeyAction::SECRET_CLAIMED, target, detail: json!({}) };
        self.store.record(&entry).await?;
        Ok(claimed)
    }

    /// Returns the secret that the token opens, with its tenant and target.
    ///
    /// A secret that is no longer valid is not found.
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

    /// Whether the secret is a ticket that is neither used nor expired. Its key is checked when the ticket is used.
    async fn is_unused_ticket(&self, secret: &SecretText) -> ServiceResult<bool> {
        let Some(ticket) = Ticket::parse(secret.expose().as_bytes()) else { return Ok(false) };
        Ok(self.store.get_entry(&Ticket::name(self.gate.digester(), &ticket)).await?.is_some())
    }

    /// Whether the secret belongs to a key that is neither revoked nor expired. A disabled key counts, since it can be
    /// enabled again.
    async fn opens_key(&self, secret: &SecretText) -> ServiceResult<bool> {
        let Some(secret) = self.gate.format().check(secret.expose().as_bytes()) else { return Ok(false) };
        let found = self.store.find_key(&self.gate.digester().digest(secret)).await?;
        Ok(found.is_some_and(|found| {
            let ends = [found.key.expires_at, found.secret_expires_at].into_iter().flatten();
            found.key.revoked_at.is_none() && ends.min().is_none_or(|end| end > found.now)
        }))
    }
}

/// The default of [`SealedSecret::name`]: an earlier version stored only keys.
fn of_old() -> String {
    "key".to_owned()
}

/// Returns the name under which the store has the secret of this token. A malformed token is rejected without a call of
/// the store.
fn name(token: &str) -> ServiceResult<String> {
    // Tokens of an earlier version have no prefix.
    let digits = token.strip_prefix("dc_").unwrap_or(token);
    let is_token = digits.len() == 64 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_token.then(|| token::name("claim", token)).ok_or(ServiceError::NotFound(NOUN))
}

/// Returns the cipher of a token. Each token has its own key, which encrypts one text only, so a constant nonce is
/// safe.
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
