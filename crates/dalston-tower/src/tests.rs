//! The layers around services of this file, without a server and without axum's body type.

use crate::{ContextLayer, GuardLayer, RequestContext, RequirePermit};
use dalston_auth::{Auth, NewKey, Product, Right, rights::JobsRead, store::MemoryStore};
use dalston_model::{ManualClock, OsEntropy, SeededEntropy, Timestamp};
use futures_util::FutureExt;
use http::{HeaderName, Request, Response, Version};
use http_body_util::{BodyExt, Full};
use std::{
    convert::Infallible,
    future::{Ready, ready},
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll},
};
use tower_layer::Layer;
use tower_service::Service;

type Body = Full<bytes::Bytes>;

/// A gate with one key in a memory store, which has consumed the change feed.
struct Fixture {
    auth: Auth,
    secret: String,
}

async fn fixture() -> Fixture {
    let clock = ManualClock::new(Timestamp::from_secs(1_700_000_000));
    let store = Arc::new(MemoryStore::new(clock.clone()));
    let builder = Auth::builder(store.clone()).product(Product::named("notes").unwrap());
    let auth = builder.clock_and_entropy(clock, Arc::new(SeededEntropy::new(1))).build().unwrap();
    let ask = NewKey::named("ci".parse().unwrap(), "jobs:read".parse().unwrap());
    let made = auth.keys().create(&auth.operator("a test"), ask, None).await.unwrap();
    // The gate caches only once it has read the change feed to its end.
    while auth.gate().feed_consumer(store.clone()).poll().await.unwrap().more {}
    Fixture { auth, secret: made.secret.expose().to_owned() }
}

impl Fixture {
    fn request(&self) -> Request<()> {
        Request::get("/").header("x-api-key", &self.secret).body(()).unwrap()
    }

    fn guard(&self) -> GuardLayer {
        GuardLayer::new(self.auth.gate().clone(), JobsRead::requirement())
    }
}

/// Responds with the tenant of the caller. Panics if it is called without being ready. A clone is not ready.
struct Inner {
    is_ready: bool,
    calls: Arc<AtomicU32>,
}

impl Inner {
    fn new() -> Self {
        Self { is_ready: false, calls: Arc::default() }
    }
}

impl Clone for Inner {
    fn clone(&self) -> Self {
        Self { is_ready: false, calls: self.calls.clone() }
    }
}

impl Service<Request<()>> for Inner {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.is_ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        assert!(std::mem::take(&mut self.is_ready), "it is called without being ready");
        self.calls.fetch_add(1, Ordering::SeqCst);
        let permit = RequirePermit::<JobsRead>::of(request.extensions());
        ready(Ok(Response::new(permit.map_or_else(|problem| problem.to_string(), |it| it.0.tenant().to_string()))))
    }
}

async fn ask<S: Service<Request<()>>>(service: &mut S, request: Request<()>) -> Result<S::Response, S::Error> {
    std::future::poll_fn(|context| service.poll_ready(context)).await?;
    service.call(request).await
}

#[tokio::test]
async fn the_service_that_is_ready_is_called_whether_the_store_is_asked_or_not() {
    let fixture = fixture().await;
    let inner = Inner::new();
    let mut guarded = fixture.guard().layer(inner.clone());
    // The first request reads the store, and the second is decided from the cache.
    for _ in 0..2 {
        assert_eq!(ask(&mut guarded, fixture.request()).await.unwrap().body(), "default");
    }
    let refused = ask(&mut guarded, Request::new(())).await.unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(inner.calls.load(Ordering::SeqCst), 2, "a refused request does not reach the service");
}

#[tokio::test]
async fn a_decision_from_the_cache_takes_no_more_than_its_place_in_the_request() {
    let fixture = fixture().await;
    let inner = tower_fn(|request: Request<()>| {
        assert!(RequirePermit::<JobsRead>::of(request.extensions()).is_ok());
        Response::new(String::new())
    });
    let mut guarded = fixture.guard().layer(inner.clone());
    let mut enveloped = ContextLayer::new(fixture.auth.gate()).layer(guarded.clone());
    ask(&mut guarded, fixture.request()).await.unwrap();
    let known = || {
        let mut request = fixture.request();
        request.headers_mut().insert("x-request-id", "mine".parse().unwrap());
        request.extensions_mut().insert(SocketAddr::from(([192, 0, 2, 1], 1)));
        request
    };
    ask(&mut enveloped, known()).await.unwrap();
    let (one, two) = (known(), known());
    let bare = allocation_counter::measure(|| drop(guarded.call(one).now_or_never()));
    let whole = allocation_counter::measure(|| drop(enveloped.call(two).now_or_never()));
    // One allocation for the boxed request state, two for the header map of the response, which was empty, and one for
    // the header values.
    assert_eq!((bare.count_total, whole.count_total), (1 + 2, 1 + 2 + 1));
}

#[tokio::test]
async fn what_a_service_panics_at_is_a_problem_of_the_product() {
    let fixture = fixture().await;
    let at_once = tower_fn(|_: Request<()>| -> Response<Body> { panic!("at once") });
    let context = ContextLayer::new(fixture.auth.gate());
    let answer = ask(&mut context.layer(at_once), Request::new(())).await.unwrap();
    assert_eq!(answer.status(), 500);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let body = std::str::from_utf8(&body).unwrap();
    assert!(body.contains("urn:notes:problem:internal") && body.contains(&id), "{body}");
}

/// An extension in which an embedder keeps an address.
#[derive(Clone)]
struct Mine(IpAddr);

#[tokio::test]
async fn the_peer_is_read_where_the_embedder_says() {
    let fixture = fixture().await;
    let told = tower_fn(|request: Request<()>| {
        let address = RequestContext::of(request.extensions()).unwrap().0.address;
        Response::new(address.map_or_else(|| "none".to_owned(), |address| address.to_string()))
    });
    let context = ContextLayer::new(fixture.auth.gate())
        .clock_and_entropy(ManualClock::new(Timestamp::from_secs(1)), Arc::new(OsEntropy));
    let socket = SocketAddr::from(([192, 0, 2, 1], 1));
    let request = || {
        let mut request = Request::new(());
        request.extensions_mut().insert(socket);
        request.extensions_mut().insert(Mine("192.0.2.7".parse().unwrap()));
        request
    };
    let mut by_socket = context.clone().layer(told.clone());
    assert_eq!(ask(&mut by_socket, request()).await.unwrap().body(), "192.0.2.1");
    assert_eq!(ask(&mut by_socket, Request::new(())).await.unwrap().body(), "none");
    let mut by_mine = context.peer(|extensions| Some(extensions.get::<Mine>()?.0)).layer(told);
    assert_eq!(ask(&mut by_mine, request()).await.unwrap().body(), "192.0.2.7");
}

#[tokio::test]
async fn a_refusal_ends_the_connection_of_whoever_still_sends_where_http_has_such_a_header() {
    let fixture = fixture().await;
    let mut app = ContextLayer::new(fixture.auth.gate()).layer(fixture.guard().layer(Inner::new()));
    for (version, length, closes) in
        [(Version::HTTP_11, "3", true), (Version::HTTP_11, "0", false), (Version::HTTP_2, "3", false)]
    {
        let request = Request::post("/").version(version).header("content-length", length).body(()).unwrap();
        let answer = ask(&mut app, request).await.unwrap();
        assert_eq!(answer.headers().contains_key("connection"), closes, "{version:?} {length}");
    }
}

#[tokio::test]
async fn a_shaped_refusal_keeps_each_value_of_a_header() {
    let fixture = fixture().await;
    let own = HeaderName::from_static("x-own");
    let gone = tower_fn(|_: Request<()>| {
        let answer = Response::builder().status(404).header("x-own", "1").header("x-own", "2");
        answer.header("content-length", "4").body("gone".to_owned()).unwrap()
    });
    let answer = ask(&mut ContextLayer::new(fixture.auth.gate()).layer(gone), Request::new(())).await.unwrap();
    assert_eq!(answer.headers().get_all(&own).iter().count(), 2);
    assert!(!answer.headers().contains_key("content-length"), "it is that of another body");
    assert!(answer.body().contains("No such route"));
}

/// Makes a service of a function.
fn tower_fn<F>(answer: F) -> Function<F> {
    Function(answer)
}

#[derive(Clone)]
struct Function<F>(F);

impl<F: Fn(Request<()>) -> Response<R>, R> Service<Request<()>> for Function<F> {
    type Response = Response<R>;
    type Error = Infallible;
    type Future = Ready<Result<Response<R>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        ready(Ok((self.0)(request)))
    }
}
