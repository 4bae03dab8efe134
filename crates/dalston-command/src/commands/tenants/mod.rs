//! Commands on tenants.

pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod quota;
pub(crate) mod update;

use dalston_model::TenantId;
use dalston_service::{ServiceError, ServiceResult};

/// Parses a tenant id. A text that is not an id is reported as not found, like an unknown tenant.
pub(crate) fn tenant_id(text: &str) -> ServiceResult<TenantId> {
    text.parse().map_err(|_| ServiceError::NotFound("Tenant"))
}
