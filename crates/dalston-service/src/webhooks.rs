//! Webhooks: create, list, get, update, rotate, delete, and their deliveries.

use crate::{DeliveryRunner, ServiceError, ServiceResult};
use base64::{Engine, engine::general_purpose::STANDARD};
use dalston_auth::{AuthError, Mask, Permit, rights};
use dalston_model::{Description, Page, PageRequest, SharedClock, SharedEntropy, Timestamp};
use dalston_store::Overlap;
use dalston_webhook::Networks;
use dalston_work::{
    Delivery, DeliveryId, EventKind, InsertWebhookOutcome, RotateWebhookOutcome, SharedWorkStorage, Webhook, WebhookId,
    WebhookPatch, WebhookSecret, WorkAction, WorkTarget,
};
use serde_json::{Map, Value, json};
use std::{borrow::Cow, sync::Arc};
use zeroize::Zeroizing;

const NOUN: &str = "Webhook";

/// The fields of a new webhook.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateWebhook {
    /// The URL that deliveries are sent to.
    pub url: String,
    /// The subscribed events; an empty list subscribes to all.
    pub events: Vec<EventKind>,
    /// A description for people.
    pub description: Option<Description>,
}

/// A webhook with its new secret after a rotation. The secret cannot be read again.
#[derive(Debug)]
pub struct RotatedWebhook {
    /// The webhook.
    pub webhook: Webhook,
    /// The new secret.
    pub secret: WebhookSecret,
    /// When the previous secret expires.
    pub previous_expires_at: Timestamp,
}

/// The use cases for webhooks.
pub struct Webhooks {
    store: SharedWorkStorage,
    deliveries: Arc<DeliveryRunner>,
    networks: Networks,
    mask: Arc<Mask>,
    clock: SharedClock,
    entropy: SharedEntropy,
}

impl Webhooks {
    pub(crate) fn new(
        store: SharedWorkStorage,
        deliveries: Arc<DeliveryRunner>,
        networks: Networks,
        mask: Arc<Mask>,
        clock: SharedClock,
        entropy: SharedEntropy,
    ) -> Self {
        Self { store, deliveries, networks, mask, clock, entropy }
    }

    /// Creates a webhook with a secret that signs its deliveries. The secret cannot be read again.
    pub async fn create(
        &self,
        permit: &Permit<rights::Webhooks>,
        ask: CreateWebhook,
    ) -> ServiceResult<(Webhook, WebhookSecret)> {
        let now = self.clock.now();
        let webhook = Webhook {
            id: WebhookId::new(now, &*self.entropy)?,
            tenant: permit.tenant().clone(),
            url: self.target(&ask.url)?,
            description: ask.description,
            events: ask.events,
            enabled: true,
            disabled_at: None,
            created_at: now,
            created_by: Some(permit.actor()),
            last_success_at: None,
            exhausted: 0,
        };
        let secret = self.mint()?;
        let detail = json!({"host": host(&webhook.url), "events": names(&webhook.events)});
        let entry = permit.entry(now, WorkAction::WEBHOOK_CREATED, WorkTarget::Webhook(webhook.id).into(), detail);
        match self.store.insert_webhook(&webhook, &secret, &entry).await? {
            InsertWebhookOutcome::Inserted => Ok((webhook, secret)),
            InsertWebhookOutcome::UnknownTenant => Err(ServiceError::NotFound("Tenant")),
            InsertWebhookOutcome::TooMany => {
                let most = format!("A tenant has at most {} webhooks", Webhook::MOST);
                Err(ServiceError::Conflict(Cow::Owned(most)))
            }
        }
    }

    /// Lists a page of the tenant's webhooks.
    pub async fn list(&self, permit: &Permit<rights::Webhooks>, page: &PageRequest) -> ServiceResult<Page<Webhook>> {
        Ok(self.store.webhooks(permit.tenant(), page).await?)
    }

    /// Returns the webhook with this id.
    pub async fn get(&self, permit: &Permit<rights::Webhooks>, id: WebhookId) -> ServiceResult<Webhook> {
        self.store.webhook(permit.tenant(), id).await?.ok_or(ServiceError::NotFound(NOUN))
    }

    /// Changes fields of a webhook.
    pub async fn update(
        &self,
        permit: &Permit<rights::Webhooks>,
        id: WebhookId,
        mut patch: WebhookPatch,
    ) -> ServiceResult<Webhook> {
        if patch == WebhookPatch::default() {
            return Err(ServiceError::invalid("body", "must change at least one field"));
        }
        patch.url = patch.url.map(|url| self.target(&url)).transpose()?;
        let entry = permit.entry(
            self.clock.now(),
            WorkAction::WEBHOOK_UPDATED,
            WorkTarget::Webhook(id).into(),
            changes(&patch),
        );
        let updated = self.store.update_webhook(permit.tenant(), id, &patch, &entry).await?;
        // Deliveries that were held back while the webhook was disabled are due now.
        self.deliveries.wake();
        updated.ok_or(ServiceError::NotFound(NOUN))
    }

    /// Rotates the webhook's secret. The previous secret signs as well for the length of `overlap`.
    ///
    /// Fails with a conflict while the overlap of an earlier rotation runs, unless `overlap` ends it.
    pub async fn rotate(
        &self,
        permit: &Permit<rights::Webhooks>,
        id: WebhookId,
        overlap: Overlap,
    ) -> ServiceResult<RotatedWebhook> {
        let secret = self.mint()?;
        let detail = json!({"overlap_seconds": overlap.length.as_secs(), "end_overlap": overlap.end_running});
        let entry = permit.entry(self.clock.now(), WorkAction::WEBHOOK_ROTATED, WorkTarget::Webhook(id).into(), detail);
        match self.store.rotate_webhook(permit.tenant(), id, &secret, overlap, &entry).await? {
            RotateWebhookOutcome::Rotated { webhook, previous_expires_at } => {
                Ok(RotatedWebhook { webhook: *webhook, secret, previous_expires_at })
            }
            RotateWebhookOutcome::Unknown => Err(ServiceError::NotFound(NOUN)),
            RotateWebhookOutcome::Overlapping(until) => Err(AuthError::overlapping(until).into()),
        }
    }

    /// Deletes the webhook with its secrets and its deliveries.
    pub async fn delete(&self, permit: &Permit<rights::Webhooks>, id: WebhookId) -> ServiceResult<()> {
        let entry =
            permit.entry(self.clock.now(), WorkAction::WEBHOOK_DELETED, WorkTarget::Webhook(id).into(), json!({}));
        let deleted = self.store.delete_webhook(permit.tenant(), id, &entry).await?;
        if deleted { Ok(()) } else { Err(ServiceError::NotFound(NOUN)) }
    }

    /// Lists a page of a webhook's deliveries.
    pub async fn deliveries(
        &self,
        permit: &Permit<rights::Webhooks>,
        id: WebhookId,
        page: &PageRequest,
    ) -> ServiceResult<Page<Delivery>> {
        self.get(permit, id).await?;
        Ok(self.store.deliveries(permit.tenant(), id, page).await?)
    }

    /// Retries an ended delivery.
    pub async fn retry(
        &self,
        permit: &Permit<rights::Webhooks>,
        id: WebhookId,
        delivery: DeliveryId,
    ) -> ServiceResult<Delivery> {
        self.get(permit, id).await?;
        let now = self.clock.now();
        let detail = json!({"webhook": id.to_string()});
        let entry = permit.entry(now, WorkAction::DELIVERY_RETRIED, WorkTarget::Delivery(delivery).into(), detail);
        let retried = self.store.retry_delivery(permit.tenant(), id, delivery, now, &entry).await?;
        self.deliveries.wake();
        retried.ok_or(ServiceError::NotFound("Delivery that has ended"))
    }

    /// Returns the canonical form of a URL that deliveries may be sent to.
    fn target(&self, url: &str) -> ServiceResult<String> {
        match self.networks.target(url) {
            Ok(_) if matches!(self.mask.text(url), Cow::Owned(_)) => {
                Err(ServiceError::invalid("url", "must not hold a key"))
            }
            Ok(url) => Ok(url.into()),
            Err(error) => Err(ServiceError::invalid("url", error.to_string())),
        }
    }

    /// Generates a secret of 256 random bits.
    fn mint(&self) -> ServiceResult<WebhookSecret> {
        let mut random = Zeroizing::new([0; 32]);
        self.entropy.fill(&mut *random)?;
        let mut text = "whsec_".to_owned();
        STANDARD.encode_string(random, &mut text);
        Ok(WebhookSecret::new(text))
    }
}

/// Returns the host of a URL, for the audit log. The path may contain a token of the receiver, which must not be
/// logged.
fn host(url: &str) -> &str {
    url.split("://").nth(1).and_then(|rest| rest.split(['/', '?']).next()).unwrap_or_default()
}

fn names(events: &[EventKind]) -> Vec<&'static str> {
    events.iter().map(|event| event.as_str()).collect()
}

/// Returns the audit details of an update: the new values, but of the URL only the host, and of the description only
/// that it changed.
fn changes(patch: &WebhookPatch) -> Value {
    let mut detail = Map::new();
    if let Some(url) = &patch.url {
        detail.insert("host".to_owned(), host(url).into());
    }
    if let Some(events) = &patch.events {
        detail.insert("events".to_owned(), json!(names(events)));
    }
    if let Some(enabled) = patch.enabled {
        detail.insert("enabled".to_owned(), enabled.into());
    }
    if patch.description.is_some() {
        detail.insert("fields".to_owned(), json!(["description"]));
    }
    detail.into()
}
