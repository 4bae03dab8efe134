use dalston_model::{Tenant, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TenantView {
    /// Its id, for life.
    pub id: String,
    /// What people call it.
    pub name: Option<String>,
    /// When it was made.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub created_at: Timestamp,
    /// For how many days its ended jobs are kept; null: as long as the gateway's setting says.
    pub retention_days: Option<u32>,
}

impl TenantView {
    /// The tenant, whose ended jobs are kept for so many days.
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
