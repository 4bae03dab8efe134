//! `POST /call`: a command, a slash command as text, a message to the language model, or a confirmation.

use crate::{Gateway, body, fault::problem, repeat};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload},
};
use dalston_actix::{Problem, RequirePermit};
use dalston_auth::{FieldError, rights};
use dalston_chat::{CallerMessage, DialogueReply};
use dalston_command::{Arguments, unknown_field};
use dalston_service::{NewSecret, Proposal, ServiceError, ServiceResult, detached};
use serde_json::{Value, json};

/// Maximum length of a message, in characters.
const LONGEST: usize = 4_096;

/// The fields of the body.
const FIELDS: [&str; 4] = ["command", "arguments", "message", "confirm"];

/// Handles the caller's input and returns the reply.
pub(crate) async fn answer(
    request: HttpRequest,
    payload: Payload,
    RequirePermit(permit): RequirePermit<rights::Authenticated>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let said = said(body::read(&request, payload, gateway.pace).await?).map_err(problem)?;
    let repeat = repeat::key(&request)?;
    let dialogue = gateway.runtime.dialogue.clone();
    let reply = detached(async move { dialogue.answer(permit.caller(), said, repeat).await }).await.map_err(problem)?;
    let mut response = if reply.partial { HttpResponse::MultiStatus() } else { HttpResponse::Ok() };
    Ok(response.json(drawn(&reply)))
}

/// Parses the body. Exactly one kind of input and no unknown field is allowed. Null counts as absent.
fn said(mut body: Arguments) -> ServiceResult<CallerMessage> {
    let unknown: Vec<FieldError> =
        body.keys().filter(|name| !FIELDS.contains(&name.as_str())).map(|name| unknown_field(name)).collect();
    if !unknown.is_empty() {
        return Err(ServiceError::Invalid(unknown));
    }
    let [command, arguments, message, confirm] = FIELDS.map(|name| body.remove(name).filter(|value| !value.is_null()));
    let given = [("command", command), ("message", message), ("confirm", confirm)];
    let mut given = given.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let (name, value) =
        given.next().ok_or_else(|| ServiceError::invalid("command", "is required, or message, or confirm"))?;
    if let Some((other, _)) = given.next() {
        return Err(ServiceError::invalid(other, format!("must not be given beside {name}")));
    }
    let Value::String(text) = value else { return Err(ServiceError::invalid(name, "must be of type string")) };
    let said = match name {
        "command" if !text.starts_with('/') => return Ok(CallerMessage::Command(text, object(arguments)?)),
        "command" => CallerMessage::Line(text),
        "message" if text.chars().count() > LONGEST || text.trim().is_empty() => {
            return Err(ServiceError::invalid(name, "must be a text of 1 to 4096 characters"));
        }
        "message" => CallerMessage::Message(text),
        _ => CallerMessage::Confirm(text),
    };
    match arguments {
        Some(_) => Err(ServiceError::invalid("arguments", "belong to a command by its name")),
        None => Ok(said),
    }
}

fn object(arguments: Option<Value>) -> ServiceResult<Arguments> {
    match arguments {
        None => Ok(Arguments::new()),
        Some(Value::Object(arguments)) => Ok(arguments),
        Some(_) => Err(ServiceError::invalid("arguments", "must be of type object")),
    }
}

/// Renders the reply. Secrets appear beside the text and the data, never in them.
fn drawn(reply: &DialogueReply) -> Value {
    let mut drawn = json!({
        "success": true,
        "response": reply.plain(),
        "data": reply.data,
        "command_handled": reply.command,
    });
    for name in NewSecret::NAMES {
        let made = reply.secrets.iter().filter(|secret| secret.name() == name);
        let made: Vec<Value> = made.map(|secret| secret.expose().into()).collect();
        match made.as_slice() {
            [] => {}
            [secret] => drawn["secrets"][name] = secret.clone(),
            // With several keys, none of them belongs to `data`. The client tells them apart by the prefix that each
            // begins with.
            secrets => drawn["secrets"][format!("{name}s")] = secrets.into(),
        }
    }
    if let Some(ran) = &reply.ran {
        let waiting: Vec<&str> = reply.questions.iter().map(|it| it.proposal.command.as_str()).collect();
        drawn["commands"] = json!({"ran": ran, "waiting": waiting});
    }
    let waiting: Vec<Value> = reply.questions.iter().map(|question| confirm(&question.proposal)).collect();
    if let Some(first) = waiting.first() {
        drawn["confirm"] = first.clone();
    }
    if waiting.len() > 1 {
        drawn["confirms"] = waiting.into();
    }
    if let Some(next) = &reply.next {
        drawn["next"] = next.to_string().into();
    }
    drawn
}

/// Renders a pending command and what confirms it.
fn confirm(proposal: &Proposal) -> Value {
    json!({
        "token": proposal.token,
        "command": proposal.command,
        "arguments": proposal.arguments,
        "expires_at": proposal.expires_at,
    })
}
