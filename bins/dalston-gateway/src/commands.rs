//! The HTTP interface of the commands: reads the arguments from a request, runs the command, writes the response.

use crate::{Gateway, body, export::respond_with_job, fault::problem, repeat};
use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        Method as HttpMethod,
        header::{self, HeaderValue},
    },
    web::{Data, Payload, Query},
};
use dalston_actix::{CachedResponse, Problem, RequireAdmission};
use dalston_auth::{FieldError, IdempotentRequest};
use dalston_command::{AnyAnswer, Arguments, CommandSpec, Effect, Method, Registry, coerce};
use dalston_model::Cursor;
use dalston_service::{IssuedSecret, ServiceError, detached};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::sync::Arc;

/// Returns the fast path of a command: its cached answer, if it has one and the request carries no arguments.
pub(crate) fn at_hand(row: Arc<CommandSpec>, gateway: &Data<Gateway>) -> CachedResponse {
    let runtime = gateway.runtime.clone();
    Arc::new(move |request, admission| {
        // The query may hold arguments.
        let is_plain =
            matches!(*request.method(), HttpMethod::GET | HttpMethod::HEAD) && request.query_string().is_empty();
        if !is_plain {
            return None;
        }
        let answer = row.ready(&runtime.services, admission.caller())?;
        let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Some(HttpResponse::Ok().insert_header(json).body(answer))
    })
}

/// Runs the command with the arguments of the request, and returns its response.
pub(crate) async fn invoke(
    row: Arc<CommandSpec>,
    request: HttpRequest,
    payload: Payload,
    RequireAdmission(admission): RequireAdmission,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let mut arguments = match row.route.method {
        Method::Get | Method::Delete => {
            body::none(&request)?;
            in_query(&row, &request)?
        }
        Method::Post | Method::Put | Method::Patch => {
            in_query(&row, &request).and_then(none_of)?;
            body::read(&request, payload, gateway.pace).await?
        }
    };
    in_path(&row, &request, &mut arguments)?;
    let repeat = match row.route.method {
        Method::Post => repeat::key(&request)?.map(|key| IdempotentRequest::of(key, &arguments)),
        _ => None,
    };
    let (at_work, command) = (gateway.clone(), row.clone());
    let work = async move {
        let runtime = &at_work.runtime;
        runtime.registry.run(&runtime.services, admission, &command, arguments, repeat).await
    };
    // A command that only reads may take long, so it is cancelled when its client disconnects. All others run to the
    // end.
    let ran = if row.effect == Effect::Read { work.await } else { detached(work).await };
    respond(&gateway.runtime.registry, &row, &request, ran.map_err(problem)?)
}

/// Returns the arguments in the query string. Each may occur once. `api_key` is a credential there, and no argument.
fn in_query(row: &CommandSpec, request: &HttpRequest) -> Result<Arguments, Problem> {
    let mut arguments = Arguments::new();
    if request.query_string().is_empty() {
        return Ok(arguments);
    }
    let pairs = Query::<Vec<(String, String)>>::from_query(request.query_string())
        .map_err(|_| Problem::malformed("The query is not well-formed"))?;
    for (name, text) in pairs.into_inner().into_iter().filter(|(name, _)| name != "api_key") {
        let value = row.parameter(&name).map_or(Value::Null, |parameter| coerce(&parameter.schema, &text));
        if arguments.insert(name, value).is_some() {
            return Err(Problem::malformed("The query names a parameter twice"));
        }
    }
    Ok(arguments)
}

/// Refuses arguments in the query of a command that takes a body: they would be silently ignored.
fn none_of(arguments: Arguments) -> Result<(), Problem> {
    let fields = arguments.into_iter().map(|(name, _)| FieldError::new(name, "belongs into the body"));
    let fields: Vec<FieldError> = fields.collect();
    if fields.is_empty() { Ok(()) } else { Err(problem(ServiceError::Invalid(fields))) }
}

/// Adds the arguments in the path. An argument of the same name in the query or the body is an error.
fn in_path(row: &CommandSpec, request: &HttpRequest, arguments: &mut Arguments) -> Result<(), Problem> {
    for (name, value) in request.match_info().iter() {
        if arguments.insert(name.to_owned(), value.into()).is_some() {
            let twice = format!("must not be given beside the path: {}", row.route.pattern);
            return Err(problem(ServiceError::invalid(name, twice)));
        }
    }
    Ok(())
}

/// Builds the response. A secret that the command issued appears in it, this one time.
fn respond(
    registry: &Registry,
    row: &CommandSpec,
    request: &HttpRequest,
    answer: AnyAnswer,
) -> Result<HttpResponse, Problem> {
    let mut data = answer.data;
    let mut response = match answer.partial {
        true => HttpResponse::MultiStatus(),
        false if row.route.creates => HttpResponse::Created(),
        false => HttpResponse::Ok(),
    };
    if let (Some(pattern), Some(id)) = (location(registry, row), &answer.id) {
        response.insert_header((header::LOCATION, format!("{pattern}/{id}")));
    }
    if let Some(cursor) = &answer.next {
        response.insert_header((header::LINK, next_link(request, cursor)));
    }
    if let Some(IssuedSecret { secret, .. }) = &answer.secret {
        data[secret.name()] = secret.expose().into();
    }
    respond_with_job(response, &data, answer.long)
}

/// Returns the route that shows a created resource, if there is one: the same pattern followed by one parameter.
fn location(registry: &Registry, row: &CommandSpec) -> Option<&'static str> {
    let shows = |other: &&Arc<CommandSpec>| {
        let behind = other.route.pattern.strip_prefix(row.route.pattern);
        other.route.method == Method::Get && behind.is_some_and(|rest| rest.starts_with("/{") && rest.ends_with('}'))
    };
    row.route.creates.then(|| registry.rows().iter().find(shows))?.map(|_| row.route.pattern)
}

/// Returns a `Link` value with the request's query, in which the cursor replaces the start of the page.
fn next_link(request: &HttpRequest, cursor: &Cursor) -> String {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs = Query::<Vec<(String, String)>>::from_query(request.query_string());
    let kept = pairs.map(Query::into_inner).unwrap_or_default();
    let kept = kept.into_iter().filter(|(name, _)| !matches!(name.as_str(), "cursor" | "offset" | "api_key"));
    let cursor = ("cursor".to_owned(), cursor.to_string());
    let query: Vec<String> =
        kept.chain([cursor]).map(|(name, value)| format!("{}={}", encode(&name), encode(&value))).collect();
    format!("<{}?{}>; rel=\"next\"", request.path(), query.join("&"))
}
