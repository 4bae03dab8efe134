//! The middleware of both servers, on gates that are twins: each answer is the same, status, headers and body.

use actix_web::{App, HttpResponse, HttpServer, web};
use axum::{Router, routing};
use dalston_auth::{
    Admission, Auth, MasterKeys, NewKey, Permit, Product, Rejection, Requirement, Right,
    http::{QueryKeys, TrustedProxies},
    rights::{Authenticated, JobsRead, JobsWrite, Platform, Realtime},
};
use dalston_model::{Door, ErrorCode, OsEntropy, RateLimit, SeededEntropy};
use dalston_tower::{ContextLayer, GuardLayer};
use dalston_work::contract::WorkFixture;
use http::Method;
use kit::{
    app::MASTER,
    client::{Answer, Client},
    log,
    servers::Redis,
    stores,
};
use std::{net::SocketAddr, num::NonZeroU32, sync::Arc, time::Duration};

/// A gate on this store, whose keys and secrets are those of its twin.
fn auth(fixture: &WorkFixture) -> Auth {
    let builder = Auth::builder(fixture.store.clone()).product(Product::named("notes").unwrap());
    let builder = builder.key_prefix("notes_").unwrap().failures_per_minute(NonZeroU32::new(6).unwrap());
    let masters = MasterKeys::parse(MASTER, &dalston_auth::KeyFormat::new("notes_").unwrap()).unwrap();
    builder.masters(masters).clock_and_entropy(fixture.clock.clone(), Arc::new(SeededEntropy::new(7))).build().unwrap()
}

async fn key(auth: &Auth, scopes: &str, rate_limit: Option<u32>) -> String {
    let rate_limit = rate_limit.map(|limit| RateLimit::new(limit).unwrap());
    let ask = NewKey { rate_limit, ..NewKey::named("ci".parse().unwrap(), scopes.parse().unwrap()) };
    let secret = auth.keys().create(&auth.operator("a test"), ask, None).await.unwrap().secret.expose().to_owned();
    log::guard(&secret);
    secret
}

/// The proxy that both trust is whoever connects.
fn proxies() -> TrustedProxies {
    TrustedProxies::new(vec!["127.0.0.0/8".parse().unwrap()])
}

const REFUSED: &str = "The note is being written";

fn tenant<R: Right>(permit: &Permit<R>) -> String {
    format!("a note of {}\n", permit.tenant())
}

fn decided(decided: &Result<Permit<Realtime>, Rejection>) -> String {
    decided.as_ref().map_or_else(|denied| format!("{:?}", denied.reason.code()), tenant)
}

fn admitted(admission: &Admission) -> String {
    admission.caller().source().address.unwrap().to_string()
}

fn on_actix(auth: &Auth, fixture: &WorkFixture) -> String {
    use dalston_actix::{
        AuthOutcome, ContextMiddleware, Guard, Problem, RequireAdmission, RequirePermit, request_info,
    };
    let gate = auth.gate().clone();
    let (clock, product) = (fixture.clock.clone(), gate.product().clone());
    let app = move || {
        let guard = |requirement| Guard::new(gate.clone(), requirement);
        let requirements = vec![
            (actix_web::http::Method::GET, Some(JobsRead::requirement())),
            (actix_web::http::Method::POST, Some(JobsWrite::requirement())),
            (actix_web::http::Method::DELETE, None),
        ];
        let notes = web::resource("/notes")
            .get(async |RequirePermit(permit): RequirePermit<JobsRead>| tenant(&permit))
            .head(async |RequirePermit(permit): RequirePermit<JobsRead>| tenant(&permit))
            .post(async |RequirePermit(permit): RequirePermit<JobsWrite>| tenant(&permit))
            .delete(async || "nobody asked")
            .wrap(Guard::of_methods(gate.clone(), requirements).route("/notes"));
        let stream = guard(Realtime::requirement()).door(Door::Stream).route("/live");
        App::new()
            .service(notes)
            .service(
                web::resource("/live").get(async |AuthOutcome(it): AuthOutcome<Realtime>| decided(&it)).wrap(stream),
            )
            .service(
                web::resource("/query")
                    .get(async |RequireAdmission(it): RequireAdmission| admitted(&it))
                    .wrap(guard(Requirement::Caller).query_keys(QueryKeys::All)),
            )
            .service(
                web::resource("/narrow")
                    .get(async |RequirePermit(permit): RequirePermit<Platform>| tenant(&permit))
                    .wrap(guard(Authenticated::requirement())),
            )
            .service(web::resource("/open").get(async |RequirePermit(permit): RequirePermit<JobsRead>| tenant(&permit)))
            .service(web::resource("/panic").get(async || -> HttpResponse { panic!("it fails") }))
            .service(
                web::resource("/conflict").get(async || Err::<&str, _>(Problem::new(ErrorCode::Conflict, REFUSED))),
            )
            .service(
                web::resource("/json")
                    .get(async || HttpResponse::NotFound().content_type("application/json").body("{\"own\":true}")),
            )
            .service(
                web::resource("/text").get(async || HttpResponse::Gone().insert_header(("x-own", "kept")).body("gone")),
            )
            .service(web::resource("/context").get(async |request: actix_web::HttpRequest| {
                let info = request_info(&request);
                format!("{} {}", info.id.as_str(), info.address.unwrap())
            }))
            .wrap(ContextMiddleware::new(proxies(), clock.clone(), Arc::new(OsEntropy)).product(product.clone()))
    };
    let server = HttpServer::new(app).workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", server.addrs()[0]);
    actix_web::rt::spawn(server.run());
    url
}

async fn on_axum(auth: &Auth, fixture: &WorkFixture) -> String {
    use dalston_tower::{AuthOutcome, Problem, RequestContext, RequireAdmission, RequirePermit};
    let guard = |requirement| GuardLayer::new(auth.gate().clone(), requirement);
    let requirements = vec![
        (Method::GET, Some(JobsRead::requirement())),
        (Method::POST, Some(JobsWrite::requirement())),
        (Method::DELETE, None),
    ];
    let notes = routing::get(async |RequirePermit(permit): RequirePermit<JobsRead>| tenant(&permit))
        .post(async |RequirePermit(permit): RequirePermit<JobsWrite>| tenant(&permit))
        .delete(async || "nobody asked")
        .layer(GuardLayer::of_methods(auth.gate().clone(), requirements).route("/notes"));
    let live = routing::get(async |AuthOutcome(it): AuthOutcome<Realtime>| decided(&it))
        .layer(guard(Realtime::requirement()).door(Door::Stream).route("/live"));
    let query = routing::get(async |RequireAdmission(it): RequireAdmission| admitted(&it))
        .layer(guard(Requirement::Caller).query_keys(QueryKeys::All));
    let narrow = routing::get(async |RequirePermit(permit): RequirePermit<Platform>| tenant(&permit))
        .layer(guard(Authenticated::requirement()));
    let app: Router = Router::new()
        .route("/notes", notes)
        .route("/live", live)
        .route("/query", query)
        .route("/narrow", narrow)
        .route("/open", routing::get(async |RequirePermit(permit): RequirePermit<JobsRead>| tenant(&permit)))
        .route("/panic", routing::get(async || -> String { panic!("it fails") }))
        .route("/conflict", routing::get(async || Err::<(), _>(Problem::new(ErrorCode::Conflict, REFUSED))))
        .route(
            "/json",
            routing::get(async || {
                (http::StatusCode::NOT_FOUND, [("content-type", "application/json")], "{\"own\":true}")
            }),
        )
        .route("/text", routing::get(async || (http::StatusCode::GONE, [("x-own", "kept")], "gone")))
        .route(
            "/context",
            routing::get(async |RequestContext(info): RequestContext| {
                format!("{} {}", info.id.as_str(), info.address.unwrap())
            }),
        )
        .layer(
            ContextLayer::new(auth.gate())
                .trusted_proxies(proxies())
                .clock_and_entropy(fixture.clock.clone(), Arc::new(OsEntropy)),
        );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

/// One who asks both servers, which are twins in all that they know.
struct Twins {
    nodes: [(WorkFixture, Auth); 2],
    clients: [Client; 2],
}

impl Twins {
    async fn on(fixtures: [WorkFixture; 2]) -> Self {
        let nodes = fixtures.map(|fixture| {
            let auth = auth(&fixture);
            (fixture, auth)
        });
        let urls = [on_actix(&nodes[0].1, &nodes[0].0), on_axum(&nodes[1].1, &nodes[1].0).await];
        let clients = urls.map(|url| Client::new(&url, None));
        Self { nodes, clients }
    }

    /// A key that both know, by one secret.
    async fn key(&self, scopes: &str, rate_limit: Option<u32>) -> String {
        let [one, other] = [&self.nodes[0].1, &self.nodes[1].1].map(|auth| key(auth, scopes, rate_limit));
        let (one, other) = (one.await, other.await);
        assert_eq!(one, other);
        one
    }

    fn advance(&self, by: Duration) {
        self.nodes.iter().for_each(|(fixture, _)| fixture.clock.advance(by));
    }

    /// The answer that both give: equal but for the date and a new request's id. `Allow` is the router's, and what becomes
    /// of the connection of a handshake that leads nowhere is the server's.
    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut answers = Vec::new();
        for client in &self.clients {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let body = if method == Method::POST { "a body" } else { "" };
            let request = client.request(method, path).body(body);
            let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
            let mut answer = Answer::of(request).await;
            answer.headers.remove("allow");
            if headers.iter().any(|(name, _)| *name == "upgrade") {
                answer.headers.remove("connection");
            }
            answers.push(answer);
        }
        let [one, other] = &answers[..] else { unreachable!() };
        assert_eq!(one.bare(), other.bare(), "{method} {path} {headers:?}");
        assert_eq!(one.header("x-request-id").len(), other.header("x-request-id").len());
        assert!(!one.header("x-request-id").is_empty());
        assert_eq!(one.header("x-content-type-options"), "nosniff");
        answers.remove(0)
    }
}

const UPGRADE: [(&str, &str); 4] = [
    ("upgrade", "websocket"),
    ("connection", "upgrade"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

async fn each_answer_is_the_same(twins: &Twins) {
    let reader = twins.key("jobs:read", None).await;
    let (bearer, narrow) = (format!("Bearer {reader}"), twins.key("nudge", None).await);
    let narrow = format!("Bearer {narrow}");
    let platform = format!("Bearer {}", twins.key("platform", None).await);
    let with = ("authorization", bearer.as_str());
    let notes = [
        ("GET", &[with][..], 200),
        ("HEAD", &[with], 200),
        ("GET", &[("x-api-key", &reader)], 200),
        ("GET", &[("authorization", MASTER), ("x-notes-tenant", "default")], 401),
        ("POST", &[with], 403),
        ("PUT", &[with], 405),
        ("OPTIONS", &[with], 405),
        ("DELETE", &[], 200),
        ("DELETE", &[("authorization", "Bearer nonsense")], 200),
        ("GET", &[], 401),
        ("HEAD", &[], 401),
        ("POST", &[], 401),
        ("PUT", &[], 401),
        ("GET", &[("authorization", "Basic dTpw")], 401),
        ("GET", &[("authorization", "Bearer")], 400),
        ("GET", &[with, with], 400),
        ("GET", &[with, ("x-api-key", &reader)], 400),
        ("GET", &[("authorization", &narrow)], 403),
        ("GET", &[with, ("x-notes-tenant", "default")], 403),
        ("GET", &[with, ("x-dalston-tenant", "other")], 200),
        ("GET", &[("authorization", &platform), ("x-notes-tenant", "default")], 200),
        ("GET", &[("authorization", &platform), ("x-notes-tenant", "nobody")], 404),
        ("GET", &[("authorization", &platform), ("x-notes-tenant", "a"), ("x-notes-tenant", "b")], 404),
        ("GET", &[with, ("x-request-id", "my-id.1")], 200),
        ("GET", &[("x-request-id", "my-id.1")], 401),
        ("GET", &[("x-request-id", "no id")], 401),
    ];
    for (method, headers, status) in notes {
        let answer = twins.ask(method, "/notes", headers).await.expect(status);
        // Where nobody was asked, anybody may keep the answer.
        let stored = if method == "DELETE" { "" } else { "no-store" };
        assert_eq!(answer.header("cache-control"), stored, "{method} {headers:?}");
        let is_challenged = matches!(status, 400 | 401) || (status == 403);
        assert_eq!(answer.header("www-authenticate").starts_with("Bearer realm=\"notes\""), is_challenged);
    }
    let query = format!("/query?api_key={reader}");
    for (path, headers, status) in [
        (query.as_str(), &[][..], 200),
        (&query, &[with], 400),
        (&format!("/notes?api_key={reader}"), &[], 401),
        ("/query", &[with, ("x-forwarded-for", "203.0.113.9, 198.51.100.1")], 200),
        ("/context", &[("x-request-id", "mine"), ("x-forwarded-for", "[2001:db8::1]:443")], 200),
        ("/live", &[with], 403),
        ("/live", &[], 401),
        ("/narrow", &[with], 403),
        ("/narrow", &[("authorization", &platform)], 200),
        ("/open", &[with], 500),
        ("/panic", &[], 500),
        ("/conflict", &[], 409),
        ("/json", &[], 404),
        ("/text", &[], 400),
        ("/nothing", &[], 404),
    ] {
        twins.ask("GET", path, headers).await.expect(status);
    }
    assert_eq!(twins.ask("GET", "/query", &[with, ("x-forwarded-for", "198.51.100.1")]).await.text, "198.51.100.1");
    assert_eq!(twins.ask("GET", "/text", &[]).await.header("x-own"), "kept");
    // A handler delivers the refusal of a handshake.
    let handshake: Vec<_> = UPGRADE.into_iter().chain([with]).collect();
    assert_eq!(twins.ask("GET", "/live", &handshake).await.expect(200).text, "InsufficientScope");
    assert_eq!(twins.ask("GET", "/live", &UPGRADE).await.expect(200).text, "MissingCredential");
}

async fn limits_are_told_in_the_same_headers(twins: &Twins) {
    let limited = format!("Bearer {}", twins.key("jobs:read", Some(3)).await);
    let with = [("authorization", limited.as_str())];
    for (path, status, left) in [("/notes", 200, "2"), ("/narrow", 403, "1"), ("/open", 500, ""), ("/notes", 200, "0")]
    {
        let answer = twins.ask("GET", path, &with).await.expect(status);
        let state = answer.header("ratelimit");
        assert_eq!(state.starts_with(&format!("\"key\";r={left};t=")), !left.is_empty(), "{path}: {state}");
    }
    let refused = twins.ask("GET", "/notes", &with).await.expect(429);
    assert_eq!((refused.header("ratelimit-policy"), refused.problem()), ("\"key\";q=3;w=60", "rate_limited"));
    twins.advance(Duration::from_secs(refused.header("retry-after").parse().unwrap()));
    twins.ask("GET", "/notes", &with).await.expect(200);

    // Failed attempts of an address that a trusted proxy names, and nobody else's.
    let failing = [("x-api-key", "nonsense"), ("x-forwarded-for", "192.0.2.9")];
    for _ in 0..6 {
        twins.ask("GET", "/notes", &failing).await.expect(401);
    }
    let refused = twins.ask("GET", "/notes", &failing).await.expect(429);
    assert!(refused.header("retry-after").parse::<u64>().unwrap() > 0 && refused.header("ratelimit").is_empty());
    twins.ask("GET", "/notes", &[("x-api-key", "nonsense"), ("x-forwarded-for", "192.0.2.10")]).await.expect(401);
}

#[actix_web::test]
async fn both_servers_answer_the_same_where_the_store_is_asked() {
    let twins = Twins::on([stores::memory().await, stores::memory().await]).await;
    each_answer_is_the_same(&twins).await;
    limits_are_told_in_the_same_headers(&twins).await;
}

#[actix_web::test]
async fn both_servers_answer_the_same_from_the_cache() {
    let twins = Twins::on([stores::memory().await, stores::memory().await]).await;
    let mut followed = twins.nodes.each_ref().map(|(_, auth)| auth.spawn());
    for background in &mut followed {
        background.ready().await;
    }
    each_answer_is_the_same(&twins).await;
    limits_are_told_in_the_same_headers(&twins).await;
    for background in followed {
        background.stop().await;
    }
}

#[actix_web::test]
async fn both_servers_call_an_outage_an_outage() {
    let servers = [Redis::start(&[]), Redis::start(&[])];
    let [one, other] = servers.each_ref().map(|server| stores::redis_at(server.url()));
    let twins = Twins::on([one.await, other.await]).await;
    let bearer = format!("Bearer {}", twins.key("jobs:read", None).await);
    let with = ("authorization", bearer.as_str());
    twins.ask("GET", "/notes", &[with]).await.expect(200);
    servers.iter().for_each(Redis::kill);
    let handshake: Vec<_> = UPGRADE.into_iter().chain([with]).collect();
    for (path, headers) in [("/notes", &[with][..]), ("/live", &handshake)] {
        let answer = twins.ask("GET", path, headers).await.expect(503);
        assert_eq!((answer.problem(), answer.header("retry-after")), ("unavailable", "1"));
        assert_eq!(answer.header("www-authenticate"), "");
    }
}
