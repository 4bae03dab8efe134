use dalston_model::{Tenant, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TenantView {
    /// The tenant's permanent id.
    pub id: String,
    /// The name for people.
    pub name: Option<String>,
    /// When the tenant was created.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub created_at: Timestamp,
    /// For how many days ended jobs are kept; null applies the gateway's setting.
    pub retention_days: Option<u32>,
}

impl TenantView {
    /// Creates the view of a tenant with this retention of ended jobs.
    pub fn new(tenant: &Tenant, retention_days: Option<u32>) -> Self {
        Self {
            id: tenant.id.to_string(),
            name: tenant.name.as_ref().map(ToString::to_string),
            created_at: tenant.created_at,
            retention_days,
        }
    }
}

impl From<&(Tenant, Option<u32>)> for TenantView {
    fn from((tenant, retention_days): &(Tenant, Option<u32>)) -> Self {
        Self::new(tenant, *retention_days)
    }
}
