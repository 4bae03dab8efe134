//! The commands on tenants.

pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod quota;
pub(crate) mod update;

use dalston_model::TenantId;
use dalston_service::{ServiceError, ServiceResult};

/// The id that a text stands for. One that is no id belongs to no tenant.
pub(crate) fn tenant_id(text: &str) -> ServiceResult<TenantId> {
    text.parse().map_err(|_| ServiceError::NotFound("Tenant"))
}
