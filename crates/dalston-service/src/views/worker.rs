use dalston_auth::{Permit, rights};
use dalston_model::{Scope, Timestamp};
use dalston_work::{Worker, WorkerLoad};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A worker of streams, as a caller sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkerView {
    /// Its name.
    pub id: String,
    /// The tenant that it serves; null: all of them.
    pub tenant_id: Option<String>,
    /// Where its WebSocket is; null to callers whom it does not concern.
    pub url: Option<String>,
    /// Sessions that it serves at once.
    pub capacity: u32,
    /// Models that it has; none named: any.
    pub models: Vec<String>,
    /// Languages that it knows; none named: any.
    pub languages: Vec<String>,
    /// Sessions that it serves now.
    pub sessions: u32,
    /// When it is forgotten unless it registers again.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub lapses_at: Timestamp,
}

impl WorkerView {
    /// Where a worker is that serves all tenants concerns the platform only: its URL may hold what it knows the gateway by.
    pub fn new(load: &WorkerLoad, permit: &Permit<rights::Worker>) -> Self {
        let WorkerLoad { worker, sessions, lapses_at } = load;
        let Worker { id, tenant, url, models, languages, capacity } = worker;
        let is_shown = tenant.is_some() || permit.scopes().grants(Scope::Platform);
        Self {
            id: id.as_str().to_owned(),
            tenant_id: tenant.as_ref().map(ToString::to_string),
            url: is_shown.then(|| url.clone()),
            capacity: *capacity,
            models: models.clone(),
            languages: languages.clone(),
            sessions: *sessions,
            lapses_at: *lapses_at,
        }
    }
}
