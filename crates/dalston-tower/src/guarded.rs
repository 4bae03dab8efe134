//! The service of a guard layer: applies the decision of the gate.

use crate::{Problem, guard::Guard, names::RATE_LIMIT, request_info, request_state::RequestState};
use dalston_auth::{
    Admission, GateStep, Rejection,
    http::{RequestInfo, rate_limit},
};
use dalston_limit::RateLimitDecision;
use futures_util::{FutureExt, future::BoxFuture};
use http::{HeaderValue, Request, Response, header};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tower_service::Service;

/// The service of a [`GuardLayer`](crate::GuardLayer).
#[derive(Clone)]
pub struct GuardService<S> {
    guard: Arc<Guard>,
    inner: S,
}

impl<S> GuardService<S> {
    pub(crate) fn new(guard: Guard, inner: S) -> Self {
        Self { guard: Arc::new(guard), inner }
    }
}

impl<S, B, R> Service<Request<B>> for GuardService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: From<String>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = GuardFuture<S, B, S::Future, R>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Some(requirement) = self.guard.requirement(request.method()) else {
            return GuardFuture { stage: GuardStage::Passed { answer: self.inner.call(request), marks: None } };
        };
        let info = request_info(&request);
        let stage = match self.guard.enter(&request, &info, requirement) {
            GateStep::Decided(decision) => decided(&self.guard, &mut self.inner, request, info, decision),
            GateStep::Lookup(lookup) => {
                // The service that was polled ready must be the one to be called: a clone of it need not be ready.
                let next = self.inner.clone();
                let inner = mem::replace(&mut self.inner, next);
                let waiting = Some(PendingLookup { guard: self.guard.clone(), inner, request, info });
                GuardStage::Asked { lookup: lookup.run().boxed(), waiting }
            }
        };
        GuardFuture { stage }
    }
}

/// Passes the request to the inner service, or answers it here.
fn decided<S, B, R>(
    guard: &Guard,
    inner: &mut S,
    mut request: Request<B>,
    info: RequestInfo,
    decision: Result<Admission, Rejection>,
) -> GuardStage<S, B, S::Future, R>
where
    S: Service<Request<B>>,
    R: From<String>,
{
    let room = match &decision {
        Err(denied) if guard.answers(&request, denied.reason) => {
            let mut response = Problem::from(*denied).response(Some(&info.id), guard.gate().product());
            apply_headers(response.headers_mut(), None);
            return GuardStage::Answered { response: Some(response) };
        }
        Err(_) => None,
        Ok(admission) => admission.caller().room().copied(),
    };
    RequestState::decided(request.extensions_mut(), info, decision);
    GuardStage::Passed { answer: inner.call(request), marks: Some(ResponseHeaders { room }) }
}

pin_project! {
    /// The future of a [`GuardService`]. It is boxed only if the gate calls the store.
    pub struct GuardFuture<S, B, F, R> {
        #[pin]
        stage: GuardStage<S, B, F, R>,
    }
}

/// The headers to add to a response from behind the guard.
struct ResponseHeaders {
    /// The state of the rate limit, if the key has one.
    room: Option<RateLimitDecision>,
}

/// A request that waits for a call of the store.
struct PendingLookup<S, B> {
    guard: Arc<Guard>,
    inner: S,
    request: Request<B>,
    info: RequestInfo,
}

pin_project! {
    #[project = At]
    enum GuardStage<S, B, F, R> {
        /// The guard has answered the request.
        Answered { response: Option<Response<R>> },
        /// The gate is calling the store.
        Asked { lookup: BoxFuture<'static, Result<Admission, Rejection>>, waiting: Option<PendingLookup<S, B>> },
        /// The inner service is running. There are headers to add to its response, unless the method is public.
        Passed { #[pin] answer: F, marks: Option<ResponseHeaders> },
    }
}

impl<S, B, R> Future for GuardFuture<S, B, S::Future, R>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<String>,
{
    type Output = Result<Response<R>, S::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut stage = self.project().stage;
        loop {
            let next = match stage.as_mut().project() {
                // A future is not polled again after it is ready.
                At::Answered { response } => return response.take().map_or(Poll::Pending, |it| Poll::Ready(Ok(it))),
                At::Asked { lookup, waiting } => {
                    let decision = ready!(lookup.as_mut().poll(context));
                    let Some(PendingLookup { guard, mut inner, request, info }) = waiting.take() else {
                        return Poll::Pending;
                    };
                    decided(&guard, &mut inner, request, info, decision)
                }
                At::Passed { answer, marks } => {
                    let mut response = ready!(answer.poll(context))?;
                    if let Some(ResponseHeaders { room }) = marks {
                        apply_headers(response.headers_mut(), room.as_ref());
                    }
                    return Poll::Ready(Ok(response));
                }
            };
            stage.set(next);
        }
    }
}

/// Adds the headers that every response from behind the guard carries.
fn apply_headers(headers: &mut header::HeaderMap, room: Option<&RateLimitDecision>) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in room.into_iter().flat_map(|decision| RATE_LIMIT.iter().zip(rate_limit(decision))) {
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            headers.insert(name.clone(), value);
        }
    }
}
