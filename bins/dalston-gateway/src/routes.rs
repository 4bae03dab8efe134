//! The route table: registration and policy come from it, so a route without a policy cannot exist.

use crate::{
    Gateway, call, claims, commands, events, export, head, health, hosts, mcp, openai, realtime, stream, telegram,
    upload,
};
use actix_web::{
    App, Error, HttpRequest,
    body::MessageBody,
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    guard,
    http::{Method as HttpMethod, header},
    middleware::from_fn,
    web::{self, Data},
};
use dalston_actix::{Door, Envelope, Guard, Problem};
use dalston_auth::Need;
use dalston_command::{DATA_ROUTES, Handler, Method, Registry};
use dalston_model::ErrorCode;

/// What serves a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serves {
    /// The command of this name.
    Command(&'static str),
    /// A handler.
    Data(Handler),
}

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The pattern.
    pub pattern: &'static str,
    /// What it needs; `None` asks nobody.
    pub need: Option<Need>,
    /// What serves it.
    pub serves: Serves,
}

/// All routes: those of the commands, and the data plane.
pub fn routes(registry: &Registry) -> Vec<Route> {
    let commands = registry.rows().iter().map(|row| Route {
        method: row.route.method,
        pattern: row.route.pattern,
        need: Some(row.need),
        serves: Serves::Command(row.name),
    });
    let data = DATA_ROUTES.iter().map(|route| Route {
        method: route.method,
        pattern: route.pattern,
        need: route.need,
        serves: Serves::Data(route.handler),
    });
    let mut routes: Vec<Route> = commands.chain(data).collect();
    // A pattern with a parameter would swallow a literal one beside it.
    routes.sort_by_key(|route| (route.pattern.contains('{'), route.pattern));
    routes
}

/// The app: all routes behind the gate, and behind it too whatever is no route.
#[expect(clippy::needless_pass_by_value, reason = "the app that is returned would borrow from a reference")]
pub fn app(
    gateway: Data<Gateway>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    let runtime = gateway.runtime.clone();
    let mut table = routes(&runtime.registry);
    // Without a webhook it is a route like any that is not there.
    let has_webhook = runtime.bot.as_ref().is_some_and(|bot| bot.has_webhook());
    table.retain(|route| has_webhook || route.serves != Serves::Data(Handler::Telegram));
    let mut app = App::new().app_data(gateway.clone());
    for rows in table.chunk_by(|one, other| one.pattern == other.pattern) {
        app = app.service(resource(gateway.clone(), rows.to_vec()));
    }
    app.default_service(
        web::to(no_route).wrap(Guard::new(runtime.gate.clone(), Need::Caller).query_keys(gateway.query_keys)),
    )
    .wrap(from_fn(hosts::check))
    .wrap(from_fn(head::check))
    .wrap(from_fn(openai::shape))
    .wrap(Envelope::new(gateway.proxies.clone(), runtime.clock.clone(), runtime.entropy.clone()))
}

/// The resource of one pattern: a handler for each method, 405 for the others, the guard around all.
#[expect(clippy::needless_pass_by_value, reason = "the app that is returned would borrow from a reference")]
fn resource(
    gateway: Data<Gateway>,
    rows: Vec<Route>,
) -> actix_web::Resource<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    let needs = rows.iter().map(|row| (method(row.method), row.need)).collect();
    let guard = Guard::of_methods(gateway.runtime.gate.clone(), needs)
        .query_keys(gateway.query_keys)
        .route(rows.first().map_or("", |row| row.pattern))
        .door(door(&rows));
    let mut allowed: Vec<&str> = rows.iter().map(|row| row.method.as_str()).collect();
    if allowed.contains(&"GET") {
        allowed.push("HEAD");
    }
    let allowed = allowed.join(", ");
    let mut resource = web::resource(rows.first().map_or("", |row| row.pattern));
    for row in rows {
        resource = resource.route(serve(row));
    }
    resource
        .default_service(web::to(move || {
            let allowed = allowed.clone();
            async move { wrong_method(allowed) }
        }))
        .wrap(guard)
}

/// The door that a resource is.
fn door(rows: &[Route]) -> Door {
    match rows.first().map(|row| row.serves) {
        Some(Serves::Data(Handler::Stream | Handler::Realtime)) => Door::Stream,
        Some(Serves::Data(Handler::Call)) => Door::Call,
        Some(Serves::Data(Handler::Mcp)) => Door::Mcp,
        _ => Door::Http,
    }
}

fn serve(row: Route) -> actix_web::Route {
    let route = match row.method {
        Method::Get => web::route().guard(guard::Any(guard::Get()).or(guard::Head())),
        other => web::method(method(other)),
    };
    match row.serves {
        Serves::Command(name) => route.to(move |request, payload, permitted, gateway| {
            commands::invoke(name, request, payload, permitted, gateway)
        }),
        Serves::Data(Handler::Health) => route.to(health::live),
        Serves::Data(Handler::Ready) => route.to(health::ready),
        Serves::Data(Handler::Call) => route.to(call::answer),
        Serves::Data(Handler::Upload) => route.to(upload::create),
        Serves::Data(Handler::Export) => route.to(export::download),
        Serves::Data(Handler::Events) => route.to(events::follow),
        Serves::Data(Handler::OpenAiTranscribe) => route.to(openai::transcribe),
        Serves::Data(Handler::OpenAiTranslate) => route.to(openai::translate),
        Serves::Data(Handler::OpenAiModels) => route.to(openai::models),
        Serves::Data(Handler::OpenAiModel) => route.to(openai::model),
        Serves::Data(Handler::Stream) => route.to(stream::open),
        Serves::Data(Handler::Realtime) => route.to(realtime::open),
        Serves::Data(Handler::Telegram) => route.to(telegram::take),
        Serves::Data(Handler::Mcp) => route.to(mcp::answer),
        Serves::Data(Handler::Claim) => route.to(claims::show),
        Serves::Data(Handler::OpenClaim) => route.to(claims::open),
    }
}

fn method(method: Method) -> HttpMethod {
    match method {
        Method::Get => HttpMethod::GET,
        Method::Post => HttpMethod::POST,
        Method::Put => HttpMethod::PUT,
        Method::Patch => HttpMethod::PATCH,
        Method::Delete => HttpMethod::DELETE,
    }
}

async fn no_route(_: HttpRequest) -> Result<&'static str, Problem> {
    Err(Problem::new(ErrorCode::NotFound, "No such route"))
}

fn wrong_method(allowed: String) -> Result<&'static str, Problem> {
    Err(Problem::new(ErrorCode::MethodNotAllowed, "The route has no such method").with_header(header::ALLOW, allowed))
}
