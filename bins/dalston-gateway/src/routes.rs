//! The route table. Routes are registered from it together with their policy, so no route can exist without a policy.

use crate::{
    Gateway, call, claims, commands, events, export, health, mcp, openai, realtime, request_limits, stream, telegram,
    upload,
};
use actix_web::{
    App, Error, HttpRequest,
    body::MessageBody,
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    guard,
    http::{Method as HttpMethod, header},
    web::{self, Data},
};
use dalston_actix::{ContextMiddleware, Cors, Guard, Problem};
use dalston_auth::Requirement;
use dalston_command::{CommandSpec, DATA_ROUTES, Handler, Method, Registry};
use dalston_model::{Door, ErrorCode};
use std::sync::Arc;

/// The code that serves a route.
#[derive(Clone)]
pub enum RouteHandler {
    /// A command of the registry.
    Command(Arc<CommandSpec>),
    /// A handler of the data plane.
    Data(Handler),
}

/// A row of the route table.
#[derive(Clone)]
pub struct RouteRow {
    /// The HTTP method.
    pub method: Method,
    /// The path pattern.
    pub pattern: &'static str,
    /// What the caller must be authorized for; `None`: the route needs no authentication.
    pub requirement: Option<Requirement>,
    /// The code that serves the route.
    pub serves: RouteHandler,
}

impl RouteRow {
    /// Returns the name of the command that serves the route, or `None` if a handler does.
    pub fn command(&self) -> Option<&'static str> {
        match &self.serves {
            RouteHandler::Command(row) => Some(row.name),
            RouteHandler::Data(_) => None,
        }
    }

    /// Returns the handler that serves the route, or `None` if a command does.
    pub const fn handler(&self) -> Option<Handler> {
        match &self.serves {
            RouteHandler::Command(_) => None,
            RouteHandler::Data(handler) => Some(*handler),
        }
    }
}

/// Well-known locations of metadata: of a site (RFC 8615), or of a resource as in `OpenID` Connect Discovery.
const WELL_KNOWN: [&str; 2] = ["/.well-known/{name:.*}", "/{resource:.*}/.well-known/{name:.*}"];

/// Returns all routes: those of the commands, and those of the data plane.
pub fn routes(registry: &Registry) -> Vec<RouteRow> {
    let commands = registry.rows().iter().map(|row| RouteRow {
        method: row.route.method,
        pattern: row.route.pattern,
        requirement: Some(row.requirement),
        serves: RouteHandler::Command(row.clone()),
    });
    let data = DATA_ROUTES.iter().map(|route| RouteRow {
        method: route.method,
        pattern: route.pattern,
        requirement: route.requirement,
        serves: RouteHandler::Data(route.handler),
    });
    let mut routes: Vec<RouteRow> = commands.chain(data).collect();
    // The router takes the first match, so a pattern with a parameter must not precede a literal one.
    routes.sort_by_key(|route| (route.pattern.contains('{'), route.pattern));
    routes
}

/// Returns the app: all routes, and the fallback for unknown paths, behind the gate.
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
    // If no webhook is configured, the route is treated like any unknown path.
    let has_webhook = runtime.bot.as_ref().is_some_and(|bot| bot.has_webhook());
    table.retain(|route| has_webhook || route.handler() != Some(Handler::Telegram));
    let mut app = App::new().app_data(gateway.clone());
    let rows = || table.chunk_by(|one, other| one.pattern == other.pattern);
    // Liveness and readiness reveal nothing, and the clients that ask (a container's own probe, a load balancer) know
    // no host name. So these routes are exempt from the check of the `Host` header.
    let is_probe = |route: &&RouteRow| matches!(route.handler(), Some(Handler::Health | Handler::Ready));
    let probes: Vec<&str> = table.iter().filter(is_probe).map(|route| route.pattern).collect();
    let listed = gateway.origins.listed();
    let cors = (!listed.is_empty()).then(|| Cors::new(listed.to_vec(), rows().map(|rows| (path(rows), methods(rows)))));
    for rows in rows() {
        app = app.service(resource(gateway.clone(), rows.to_vec()));
    }
    // Clients whose key was refused look for metadata there, without a credential. 404 says that there is none.
    app = app.service(web::resource(WELL_KNOWN).to(no_route));
    app.default_service(
        web::to(no_route).wrap(Guard::new(runtime.gate.clone(), Requirement::Caller).query_keys(gateway.query_keys)),
    )
    .wrap(
        ContextMiddleware::new(gateway.proxies.clone(), runtime.clock.clone(), runtime.entropy.clone())
            .product(runtime.gate.product().clone())
            .check(Arc::new(move |request| {
                let host = request_limits::check(request)?;
                gateway.hosts.check(request, host, &probes)
            }))
            .map_errors(openai::shape)
            .cors(cors),
    )
}

/// Returns the pattern of these rows as the router needs it: the name of a model may contain slashes.
fn path(rows: &[RouteRow]) -> String {
    rows.first().map_or("", |row| row.pattern).replace("{model}", "{model:.+}")
}

/// Returns the methods of a pattern in the form of an `Allow` header.
fn methods(rows: &[RouteRow]) -> String {
    let names = rows.iter().map(|row| row.method);
    let head = names.clone().any(|method| method == Method::Get).then_some("HEAD");
    names.map(Method::as_str).chain(head).collect::<Vec<_>>().join(", ")
}

/// Returns the resource of one pattern: a handler for each method, 405 for all other methods, and the guard around
/// them.
#[expect(clippy::needless_pass_by_value, reason = "the app that is returned would borrow from a reference")]
fn resource(
    gateway: Data<Gateway>,
    rows: Vec<RouteRow>,
) -> actix_web::Resource<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    let requirements = rows.iter().map(|row| (http(row.method), row.requirement)).collect();
    let guard = Guard::of_methods(gateway.runtime.gate.clone(), requirements)
        .query_keys(gateway.query_keys)
        .route(rows.first().map_or("", |row| row.pattern))
        .door(door(&rows));
    let guard = rows.iter().filter(|row| row.method == Method::Get).fold(guard, |guard, row| match &row.serves {
        RouteHandler::Command(row) => guard.cached_response(commands::at_hand(row.clone(), &gateway)),
        RouteHandler::Data(_) => guard,
    });
    let allowed = methods(&rows);
    let mut resource = web::resource(path(&rows));
    for row in rows {
        resource = resource.route(match row.serves {
            RouteHandler::Command(row) => command(row),
            RouteHandler::Data(handler) => data(row.method, handler),
        });
    }
    resource
        .default_service(web::to(move || {
            let allowed = allowed.clone();
            async move { wrong_method(allowed) }
        }))
        .wrap(guard)
}

/// Returns the kind of door that a resource is, by its first row.
fn door(rows: &[RouteRow]) -> Door {
    let Some(handler) = rows.first().and_then(RouteRow::handler) else { return Door::Http };
    match handler {
        Handler::Stream | Handler::Realtime => Door::Stream,
        Handler::Call => Door::Call,
        Handler::Mcp => Door::Mcp,
        Handler::Health
        | Handler::Ready
        | Handler::Upload
        | Handler::Export
        | Handler::Events
        | Handler::OpenAiTranscribe
        | Handler::OpenAiTranslate
        | Handler::OpenAiModels
        | Handler::OpenAiModel
        | Handler::Telegram
        | Handler::Claim
        | Handler::OpenClaim => Door::Http,
    }
}

fn command(row: Arc<CommandSpec>) -> actix_web::Route {
    let method = row.route.method;
    of(method).to(move |request, payload, admitted, gateway| {
        commands::invoke(row.clone(), request, payload, admitted, gateway)
    })
}

fn data(method: Method, handler: Handler) -> actix_web::Route {
    let route = of(method);
    match handler {
        Handler::Health => route.to(health::live),
        Handler::Ready => route.to(health::ready),
        Handler::Call => route.to(call::answer),
        Handler::Upload => route.to(upload::create),
        Handler::Export => route.to(export::download),
        Handler::Events => route.to(events::follow),
        Handler::OpenAiTranscribe => route.to(openai::transcribe),
        Handler::OpenAiTranslate => route.to(openai::translate),
        Handler::OpenAiModels => route.to(openai::models),
        Handler::OpenAiModel => route.to(openai::model),
        Handler::Stream => route.to(stream::open),
        Handler::Realtime => route.to(realtime::open),
        Handler::Telegram => route.to(telegram::take),
        Handler::Mcp => route.to(mcp::answer),
        Handler::Claim => route.to(claims::show),
        Handler::OpenClaim => route.to(claims::open),
    }
}

/// Returns a route that matches requests of this method. GET includes HEAD.
fn of(method: Method) -> actix_web::Route {
    match method {
        Method::Get => web::route().guard(guard::Any(guard::Get()).or(guard::Head())),
        other => web::method(http(other)),
    }
}

fn http(method: Method) -> HttpMethod {
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
    Err(Problem::new(ErrorCode::MethodNotAllowed, "The route has no such method").with_header(&header::ALLOW, allowed))
}
