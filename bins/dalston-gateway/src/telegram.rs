//! The bot's webhook. Telegram sends an update again until the response is 200.

use crate::{Gateway, body, fault::problem};
use actix_web::{
    HttpRequest, HttpResponse, rt,
    web::{Data, Payload},
};
use dalston_actix::{Problem, request_info};
use dalston_auth::Rejection;
use dalston_chat::UpdateOutcome;
use dalston_service::ServiceError;
use serde_json::json;

/// The header that proves that Telegram sent the update.
const SECRET: &str = "x-telegram-bot-api-secret-token";
/// Maximum number of bytes in an update: two long messages, with each character escaped.
const UPDATE: usize = 256 * 1024;

/// Handles an update.
pub(crate) async fn take(
    request: HttpRequest,
    payload: Payload,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let bot = gateway.runtime.bot.clone().ok_or_else(|| problem(ServiceError::Internal))?;
    let mut secrets = request.headers().get_all(SECRET);
    let is_from_chat = secrets.next().is_some_and(|secret| bot.is_from_chat(secret.as_bytes()));
    if !is_from_chat || secrets.next().is_some() {
        let address = request_info(&request).address;
        return Err(Rejection::from(gateway.runtime.gate.charge_failure(address)).into());
    }
    body::plain(&request)?;
    let body = body::bytes(payload, gateway.pace, UPDATE).await?;
    let update = serde_json::from_slice(&body).map_err(|_| unread())?;
    // Runs in its own task: an update that was started is answered even if the connection ends first.
    let taking = rt::spawn(async move { bot.answer_webhook_update(update).await });
    match taking.await {
        Ok(Ok(UpdateOutcome::Done)) => Ok(HttpResponse::Ok().json(json!({}))),
        Ok(Ok(UpdateOutcome::UnderWay)) => Err(problem(ServiceError::Unavailable)),
        Ok(Ok(UpdateOutcome::Unread)) => Err(unread()),
        Ok(Err(error)) => Err(problem(error.into())),
        Err(_) => Err(problem(ServiceError::Internal)),
    }
}

fn unread() -> Problem {
    Problem::malformed("The body is no update")
}
