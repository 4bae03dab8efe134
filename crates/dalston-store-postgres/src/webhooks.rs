//! Stands in until the engine has it.

use crate::PostgresStore;
use async_trait::async_trait;
use dalston_model::{
    AuditEntry, Delivery, DeliveryId, Page, PageRequest, TenantId, Timestamp, Webhook, WebhookId, WebhookPatch,
    WebhookSecret,
};
use dalston_store::{Attempted, DueDelivery, InsertWebhook, StoreError, StoreResult, WebhookStore};
use std::time::Duration;

#[async_trait]
impl WebhookStore for PostgresStore {
    async fn insert_webhook(&self, _: &Webhook, _: &WebhookSecret, _: &AuditEntry) -> StoreResult<InsertWebhook> {
        Err(StoreError::unavailable("not built"))
    }

    async fn webhook(&self, _: &TenantId, _: WebhookId) -> StoreResult<Option<Webhook>> {
        Err(StoreError::unavailable("not built"))
    }

    async fn webhooks(&self, _: &TenantId, _: &PageRequest) -> StoreResult<Page<Webhook>> {
        Err(StoreError::unavailable("not built"))
    }

    async fn update_webhook(
        &self,
        _: &TenantId,
        _: WebhookId,
        _: &WebhookPatch,
        _: &AuditEntry,
    ) -> StoreResult<Option<Webhook>> {
        Err(StoreError::unavailable("not built"))
    }

    async fn rotate_webhook(
        &self,
        _: &TenantId,
        _: WebhookId,
        _: &WebhookSecret,
        _: Duration,
        _: &AuditEntry,
    ) -> StoreResult<Option<Webhook>> {
        Err(StoreError::unavailable("not built"))
    }

    async fn delete_webhook(&self, _: &TenantId, _: WebhookId, _: &AuditEntry) -> StoreResult<bool> {
        Err(StoreError::unavailable("not built"))
    }

    async fn take_deliveries(&self, _: u32, _: Duration, _: &[WebhookId]) -> StoreResult<Vec<DueDelivery>> {
        Err(StoreError::unavailable("not built"))
    }

    async fn finish_delivery(&self, _: &Attempted, _: &AuditEntry) -> StoreResult<bool> {
        Err(StoreError::unavailable("not built"))
    }

    async fn deliveries(&self, _: &TenantId, _: WebhookId, _: &PageRequest) -> StoreResult<Page<Delivery>> {
        Err(StoreError::unavailable("not built"))
    }

    async fn retry_delivery(
        &self,
        _: &TenantId,
        _: WebhookId,
        _: DeliveryId,
        _: Timestamp,
        _: &AuditEntry,
    ) -> StoreResult<Option<Delivery>> {
        Err(StoreError::unavailable("not built"))
    }

    async fn sweep_deliveries(&self, _: Timestamp, _: u32) -> StoreResult<u32> {
        Err(StoreError::unavailable("not built"))
    }
}
