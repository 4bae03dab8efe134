//! The models, as OpenAI lists them. Other names may be requested too: the engine decides what to do with them.

use crate::{Gateway, body};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use dalston_actix::{Problem, RequirePermit};
use dalston_auth::rights;
use dalston_model::ErrorCode;
use serde_json::{Value, json};

/// The error message for a model that is not listed.
pub(super) const UNKNOWN: &str = "Model not found";

/// Returns all models.
pub(crate) async fn models(
    request: HttpRequest,
    RequirePermit(_permit): RequirePermit<rights::JobsRead>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    body::none(&request)?;
    let models = listed(&gateway).await;
    Ok(HttpResponse::Ok().json(json!({"object": "list", "data": models})))
}

/// Returns one model.
pub(crate) async fn model(
    request: HttpRequest,
    path: Path<String>,
    RequirePermit(_permit): RequirePermit<rights::JobsRead>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    body::none(&request)?;
    let mut models = listed(&gateway).await.into_iter();
    let model = models.find(|model| model["id"] == path.as_str());
    model.map(|model| HttpResponse::Ok().json(model)).ok_or_else(|| Problem::new(ErrorCode::NotFound, UNKNOWN))
}

/// Returns the models of the engine. If it lists none, the engine itself is listed as a model.
async fn listed(gateway: &Gateway) -> Vec<Value> {
    let (engine, mut models) = gateway.runtime.services.dispatcher.models().await;
    if models.is_empty() {
        models.push(engine.to_owned());
    }
    // The creation time of a model is not known here.
    let drawn = |id| json!({"id": id, "object": "model", "created": 0, "owned_by": engine});
    models.into_iter().map(drawn).collect()
}
