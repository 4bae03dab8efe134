//! What every request gets, and what every answer carries.

use crate::{
    context::SharedContext,
    exchange::Exchange,
    peer::{self, Peer},
};
use dalston_auth::{Gate, Product, http::TrustedProxies};
use dalston_model::{CounterModeEntropy, OsEntropy, SharedClock, SharedEntropy, SystemClock};
use futures_util::{FutureExt, future::CatchUnwind};
use http::{Extensions, Request, Response};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    net::IpAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Once},
    task::{Context as Task, Poll, ready},
};
use tower_layer::Layer;
use tower_service::Service;

/// Gives each request an id and the client's address, each answer its headers and one shape of refusal, turns a panic of
/// a handler into a 500, and writes a line to the log, at `info` of what was refused or failed and at `debug` of the rest:
/// with the route's pattern, never the path or the query.
#[derive(Clone)]
pub struct ContextLayer {
    product: Product,
    proxies: TrustedProxies,
    peer: Peer,
    clock: SharedClock,
    entropy: SharedEntropy,
}

impl ContextLayer {
    /// In the names of the gate's product.
    pub fn new(gate: &Gate) -> Self {
        let (product, proxies, peer) = (gate.product().clone(), TrustedProxies::default(), Arc::new(peer::of_socket));
        Self { product, proxies, peer, clock: Arc::new(SystemClock), entropy: Arc::new(OsEntropy) }
    }

    /// With proxies whose `X-Forwarded-For` is believed; without, nobody's is.
    #[must_use]
    pub fn trusted_proxies(self, proxies: TrustedProxies) -> Self {
        Self { proxies, ..self }
    }

    /// The address of the peer of the socket is read by `peer` out of the extensions of a request. Without, it is a
    /// `SocketAddr` among them, or axum's `ConnectInfo<SocketAddr>`.
    #[must_use]
    pub fn peer(self, peer: impl Fn(&Extensions) -> Option<IpAddr> + Send + Sync + 'static) -> Self {
        Self { peer: Arc::new(peer), ..self }
    }

    /// Time and randomness are these, and not the system's: for tests.
    #[must_use]
    pub fn world(self, clock: SharedClock, entropy: SharedEntropy) -> Self {
        Self { clock, entropy, ..self }
    }
}

impl<S> Layer<S> for ContextLayer {
    type Service = ContextService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        let Self { product, proxies, peer, clock, entropy } = self.clone();
        // The system is not asked for each request.
        let entropy = CounterModeEntropy::new(entropy);
        let context = SharedContext { product, proxies, peer, clock, entropy, without_address: Once::new() };
        ContextService { context: Arc::new(context), inner }
    }
}

/// A service in a context.
#[derive(Clone)]
pub struct ContextService<S> {
    context: Arc<SharedContext>,
    inner: S,
}

impl<S, B, R> Service<Request<B>> for ContextService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<String>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ContextFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Task<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let exchange = Some(Exchange::begin(&self.context, &mut request));
        // A panic before the first await is one of the future's, too.
        let made = catch_unwind(AssertUnwindSafe(|| self.inner.call(request)));
        let answer = made.ok().map(|made| AssertUnwindSafe(made).catch_unwind());
        ContextFuture { answer, exchange }
    }
}

pin_project! {
    /// The answer of a service in a context.
    pub struct ContextFuture<F> {
        // None: the service panicked when it was called.
        #[pin]
        answer: Option<CatchUnwind<AssertUnwindSafe<F>>>,
        exchange: Option<Exchange>,
    }
}

impl<F, R, E> Future for ContextFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: From<String>,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Task<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = match this.answer.as_pin_mut() {
            Some(answer) => ready!(answer.poll(context)).ok(),
            None => None,
        };
        // It is polled no more once it is ready.
        let Some(exchange) = this.exchange.take() else { return Poll::Pending };
        Poll::Ready(match answer {
            Some(answer) => answer.map(|response| exchange.answered(response)),
            None => Ok(exchange.panicked()),
        })
    }
}
