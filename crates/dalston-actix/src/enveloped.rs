//! The service of the [`ContextMiddleware`]: reads each request, and completes each response.

use crate::{
    ContextMiddleware, Problem,
    exchange::Exchange,
    request_state::{self, RequestState},
};
use actix_web::{
    Error, HttpMessage,
    body::{EitherBody, MessageBody},
    dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready},
};
use dalston_model::ExpandedEntropy;
use futures_util::{FutureExt, future::CatchUnwind};
use pin_project_lite::pin_project;
use std::{
    future::{Future, Ready, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready as poll_ready},
};

impl<S, B> Transform<S, ServiceRequest> for ContextMiddleware
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = ContextService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        // One generator per worker, so that not every request calls the operating system for randomness.
        let entropy = ExpandedEntropy::new(self.entropy.clone());
        ready(Ok(ContextService { context: Rc::new(self.clone()), entropy, service }))
    }
}

/// The service of a [`ContextMiddleware`] in one worker.
pub struct ContextService<S> {
    context: Rc<ContextMiddleware>,
    entropy: ExpandedEntropy,
    service: S,
}

impl<S, B> Service<ServiceRequest> for ContextService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = ContextFuture<S::Future, B>;

    forward_ready!(service);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let began = self.context.clock.now();
        let info = request_state::read(request.request(), &self.context.proxies, began, &self.entropy);
        request.extensions_mut().insert(RequestState { info, decision: None });
        let exchange = Exchange::begun(&self.context, &mut request, began, info);
        let passed = self.context.check.as_ref().map_or(Ok(()), |check| check(request.request()));
        let answer = match passed.map(|()| exchange.preflight(&request)) {
            Ok(Some(preflight)) => {
                ContextBody::Here { answer: Some(Ok(exchange.allowed(request.into_response(preflight)))) }
            }
            // No clone of the request may exist while it is routed, so the response to a panic is built without the
            // request.
            Ok(None) => match catch_unwind(AssertUnwindSafe(|| self.service.call(request))) {
                Ok(made) => ContextBody::Made { made: AssertUnwindSafe(made).catch_unwind(), exchange: Some(exchange) },
                Err(_) => ContextBody::Here { answer: Some(Err(exchange.panicked())) },
            },
            Err(problem) => {
                let refused = request.into_response(problem.respond(&info.id, &self.context.product));
                ContextBody::Here { answer: Some(Ok(exchange.refused(refused))) }
            }
        };
        ContextFuture { answer }
    }
}

pin_project! {
    /// The future of a [`ContextService`].
    pub struct ContextFuture<F, B> {
        #[pin]
        answer: ContextBody<F, B>,
    }
}

pin_project! {
    #[project = At]
    enum ContextBody<F, B> {
        /// The response is ready.
        Here { answer: Option<Result<ServiceResponse<EitherBody<B>>, Error>> },
        /// The inner service is running.
        Made { #[pin] made: CatchUnwind<AssertUnwindSafe<F>>, exchange: Option<Exchange> },
    }
}

impl<F, B> Future for ContextFuture<F, B>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    B: MessageBody + 'static,
{
    type Output = Result<ServiceResponse<EitherBody<B>>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = match self.project().answer.project() {
            At::Here { answer } => answer.take(),
            At::Made { made, exchange } => {
                let made = poll_ready!(made.poll(context));
                exchange.take().map(|exchange| match made {
                    Ok(Ok(response)) => Ok(exchange.answered(response)),
                    Ok(Err(error)) => Err(exchange.failed(problem_of(&error))),
                    Err(_) => Err(exchange.panicked()),
                })
            }
        };
        // A future is not polled again after it is ready.
        answer.map_or(Poll::Pending, Poll::Ready)
    }
}

fn problem_of(error: &Error) -> Problem {
    error.as_error::<Problem>().cloned().unwrap_or_else(|| Problem::of_status(error.as_response_error().status_code()))
}
