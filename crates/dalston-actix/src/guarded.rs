//! The service of a [`Guard`]: applies the decision of the gate.

use crate::{Guard, Problem, RequestInfo, names::RATE_LIMIT, request_info, request_state::RequestState};
use actix_web::{
    Error,
    body::{EitherBody, MessageBody},
    dev::{Service, ServiceRequest, ServiceResponse, Transform},
    http::header,
};
use dalston_auth::{Admission, GateStep, Rejection, http::rate_limit};
use dalston_limit::RateLimitDecision;
use pin_project_lite::pin_project;
use std::{
    future::{Future, Ready, ready},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready as poll_ready},
};

impl<S, B> Transform<S, ServiceRequest> for Guard
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = GuardService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(GuardService(Rc::new(GuardInner { guard: self.clone(), service }))))
    }
}

/// The service of a [`Guard`] in one worker.
pub struct GuardService<S>(Rc<GuardInner<S>>);

/// The guard and the service behind it.
struct GuardInner<S> {
    guard: Guard,
    service: S,
}

impl<S, B> Service<ServiceRequest> for GuardService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = GuardFuture<S::Future, B>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.service.poll_ready(context)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let Some(requirement) = self.0.guard.requirement(request.method()) else {
            return GuardFuture::passed(self.0.service.call(request), None);
        };
        let info = request_info(request.request());
        match self.0.guard.enter(request.request(), &info, requirement) {
            GateStep::Decided(decision) => self.0.decided(request, info, decision),
            GateStep::Lookup(lookup) => {
                let inner = Rc::clone(&self.0);
                GuardFuture::asked(async move {
                    let decision = lookup.run().await;
                    inner.decided(request, info, decision).await
                })
            }
        }
    }
}

impl<S, B> GuardInner<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    /// Passes the request to the inner service, or answers it here.
    fn decided(
        &self,
        request: ServiceRequest,
        info: RequestInfo,
        decision: Result<Admission, Rejection>,
    ) -> GuardFuture<S::Future, B> {
        let room = match &decision {
            Err(denied) if self.guard.answers(request.request(), denied.reason) => {
                let mut response = Problem::from(*denied).respond(&info.id, self.guard.gate().product());
                apply_headers(response.headers_mut(), None);
                return GuardFuture::answered(request.into_response(response).map_into_right_body());
            }
            Err(_) => None,
            Ok(admission) => {
                let room = admission.caller().room().copied();
                if let Some(mut response) = self.guard.answer(&request, admission) {
                    apply_headers(response.headers_mut(), room.as_ref());
                    return GuardFuture::answered(request.into_response(response).map_into_right_body());
                }
                room
            }
        };
        RequestState::decided(request.request(), info, decision);
        GuardFuture::passed(self.service.call(request), Some(ResponseHeaders { room }))
    }
}

pin_project! {
    /// The future of a [`GuardService`]. It is boxed only if the gate calls the store.
    pub struct GuardFuture<F, B> {
        #[pin]
        stage: GuardStage<F, B>,
    }
}

/// The headers to add to a response from behind the guard.
struct ResponseHeaders {
    /// The state of the rate limit, if the key has one.
    room: Option<RateLimitDecision>,
}

type PendingLookup<B> = Pin<Box<dyn Future<Output = Result<ServiceResponse<EitherBody<B>>, Error>>>>;

pin_project! {
    #[project = At]
    enum GuardStage<F, B> {
        /// The guard has answered the request.
        Answered { response: Option<ServiceResponse<EitherBody<B>>> },
        /// The gate is calling the store.
        Asked { asking: PendingLookup<B> },
        /// The inner service is running. There are headers to add to its response, unless the method is public.
        Passed { #[pin] answer: F, marks: Option<ResponseHeaders> },
    }
}

impl<F, B> GuardFuture<F, B> {
    fn answered(response: ServiceResponse<EitherBody<B>>) -> Self {
        Self { stage: GuardStage::Answered { response: Some(response) } }
    }

    fn asked(asking: impl Future<Output = Result<ServiceResponse<EitherBody<B>>, Error>> + 'static) -> Self {
        Self { stage: GuardStage::Asked { asking: Box::pin(asking) } }
    }

    const fn passed(answer: F, marks: Option<ResponseHeaders>) -> Self {
        Self { stage: GuardStage::Passed { answer, marks } }
    }
}

impl<F, B> Future for GuardFuture<F, B>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    B: MessageBody,
{
    type Output = Result<ServiceResponse<EitherBody<B>>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().stage.project() {
            // A future is not polled again after it is ready.
            At::Answered { response } => response.take().map_or(Poll::Pending, |it| Poll::Ready(Ok(it))),
            At::Asked { asking } => asking.as_mut().poll(context),
            At::Passed { answer, marks } => {
                let mut response = poll_ready!(answer.poll(context))?;
                if let Some(ResponseHeaders { room }) = marks {
                    apply_headers(response.headers_mut(), room.as_ref());
                }
                Poll::Ready(Ok(response.map_into_left_body()))
            }
        }
    }
}

/// Adds the headers that every response from behind the guard carries.
fn apply_headers(headers: &mut header::HeaderMap, room: Option<&RateLimitDecision>) {
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    for (name, value) in room.into_iter().flat_map(|decision| RATE_LIMIT.iter().zip(rate_limit(decision))) {
        if let Ok(value) = header::HeaderValue::from_bytes(value.as_bytes()) {
            headers.insert(name.clone(), value);
        }
    }
}
