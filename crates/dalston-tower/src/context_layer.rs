//! The context layer: what every request and every response gets.

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

/// A layer for the whole app.
///
/// * Gives each request an id and the client's address, and adds the common headers to each response.
/// * Gives all errors the same body format (RFC 9457).
/// * Turns a panic of a handler into a 500.
/// * Logs each request: errors at level `info`, and all others at `debug`. The log contains the route pattern, never
///   the path or the query.
#[derive(Clone)]
pub struct ContextLayer {
    product: Product,
    proxies: TrustedProxies,
    peer: Peer,
    clock: SharedClock,
    entropy: SharedEntropy,
}

impl ContextLayer {
    /// Creates the layer with the names of the gate's product. No proxy is trusted.
    pub fn new(gate: &Gate) -> Self {
        let (product, proxies, peer) = (gate.product().clone(), TrustedProxies::default(), Arc::new(peer::of_socket));
        Self { product, proxies, peer, clock: Arc::new(SystemClock), entropy: Arc::new(OsEntropy) }
    }

    /// Sets the proxies whose `X-Forwarded-For` is trusted. By default, none is.
    #[must_use]
    pub fn trusted_proxies(self, proxies: TrustedProxies) -> Self {
        Self { proxies, ..self }
    }

    /// Sets how to read the address of the socket's peer from the extensions of a request.
    ///
    /// The default reads a `SocketAddr` extension, or axum's `ConnectInfo<SocketAddr>`.
    #[must_use]
    pub fn peer(self, peer: impl Fn(&Extensions) -> Option<IpAddr> + Send + Sync + 'static) -> Self {
        Self { peer: Arc::new(peer), ..self }
    }

    /// Replaces the system's clock and randomness, for tests.
    #[must_use]
    pub fn clock_and_entropy(self, clock: SharedClock, entropy: SharedEntropy) -> Self {
        Self { clock, entropy, ..self }
    }
}

impl<S> Layer<S> for ContextLayer {
    type Service = ContextService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        let Self { product, proxies, peer, clock, entropy } = self.clone();
        // One generator for the layer, so that not every request calls the operating system for randomness.
        let entropy = CounterModeEntropy::new(entropy);
        let context = SharedContext { product, proxies, peer, clock, entropy, without_address: Once::new() };
        ContextService { context: Arc::new(context), inner }
    }
}

/// The service of a [`ContextLayer`].
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
        // A panic in `call` itself is handled like a panic of its future.
        let made = catch_unwind(AssertUnwindSafe(|| self.inner.call(request)));
        let answer = made.ok().map(|made| AssertUnwindSafe(made).catch_unwind());
        ContextFuture { answer, exchange }
    }
}

pin_project! {
    /// The future of a [`ContextService`].
    pub struct ContextFuture<F> {
        // None if the service panicked in `call`.
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
        // A future is not polled again after it is ready.
        let Some(exchange) = this.exchange.take() else { return Poll::Pending };
        Poll::Ready(match answer {
            Some(answer) => answer.map(|response| exchange.answered(response)),
            None => Ok(exchange.panicked()),
        })
    }
}
