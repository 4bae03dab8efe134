use dalston_auth::{Permit, rights};
use dalston_model::{Scope, Timestamp};
use dalston_work::{Worker, WorkerLoad};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A stream worker, as shown to a caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkerView {
    /// The worker's name.
    pub id: String,
    /// The tenant that the worker serves; null: all tenants.
    pub tenant_id: Option<String>,
    /// The worker's WebSocket URL; null for callers that may not see it.
    pub url: Option<String>,
    /// Maximum number of concurrent sessions.
    pub capacity: u32,
    /// The worker's models; an empty list accepts any.
    pub models: Vec<String>,
    /// The worker's languages; an empty list accepts any.
    pub languages: Vec<String>,
    /// Current number of sessions.
    pub sessions: u32,
    /// When the registration expires unless it is renewed.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub lapses_at: Timestamp,
}

impl WorkerView {
    /// Creates the view for this caller.
    ///
    /// The URL of a worker that serves all tenants is shown only with the scope `platform`: it may contain the
    /// credential by which the worker recognizes the gateway.
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
