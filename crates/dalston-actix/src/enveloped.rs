//! An enveloped service: each request read, each answer finished.

use crate::{
    Envelope, Problem,
    letter::Letter,
    visit::{self, Visit},
};
use actix_web::{
    Error, HttpMessage,
    body::{EitherBody, MessageBody},
    dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready},
};
use dalston_model::Stretched;
use futures_util::{FutureExt, future::CatchUnwind};
use pin_project_lite::pin_project;
use std::{
    future::{Future, Ready, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready as poll_ready},
};

impl<S, B> Transform<S, ServiceRequest> for Envelope
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = EnvelopeService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        // A generator for each worker: the system is not asked for each request.
        let entropy = Stretched::new(self.entropy.clone());
        ready(Ok(EnvelopeService { envelope: Rc::new(self.clone()), entropy, service }))
    }
}

/// An enveloped service of one worker.
pub struct EnvelopeService<S> {
    envelope: Rc<Envelope>,
    entropy: Stretched,
    service: S,
}

impl<S, B> Service<ServiceRequest> for EnvelopeService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = Enveloped<S::Future, B>;

    forward_ready!(service);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let began = self.envelope.clock.now();
        let info = visit::read(request.request(), &self.envelope.proxies, began, &self.entropy);
        request.extensions_mut().insert(Visit { info, decision: None });
        let letter = Letter::begun(&self.envelope, &mut request, began, info);
        let passed = self.envelope.check.as_ref().map_or(Ok(()), |check| check(request.request()));
        let answer = match passed.map(|()| letter.preflight(&request)) {
            Ok(Some(preflight)) => Answer::Here { answer: Some(Ok(letter.allowed(request.into_response(preflight)))) },
            // No clone of the request may live while it is routed, so a fault is answered without one.
            Ok(None) => match catch_unwind(AssertUnwindSafe(|| self.service.call(request))) {
                Ok(made) => Answer::Made { made: AssertUnwindSafe(made).catch_unwind(), letter: Some(letter) },
                Err(_) => Answer::Here { answer: Some(Err(letter.panicked())) },
            },
            Err(problem) => {
                let refused = request.into_response(problem.respond(&info.id, &self.envelope.product));
                Answer::Here { answer: Some(Ok(letter.refused(refused))) }
            }
        };
        Enveloped { answer }
    }
}

pin_project! {
    /// The answer of an enveloped service.
    pub struct Enveloped<F, B> {
        #[pin]
        answer: Answer<F, B>,
    }
}

pin_project! {
    #[project = At]
    enum Answer<F, B> {
        /// It stands.
        Here { answer: Option<Result<ServiceResponse<EitherBody<B>>, Error>> },
        /// It is being made.
        Made { #[pin] made: CatchUnwind<AssertUnwindSafe<F>>, letter: Option<Letter> },
    }
}

impl<F, B> Future for Enveloped<F, B>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    B: MessageBody + 'static,
{
    type Output = Result<ServiceResponse<EitherBody<B>>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = match self.project().answer.project() {
            At::Here { answer } => answer.take(),
            At::Made { made, letter } => {
                let made = poll_ready!(made.poll(context));
                letter.take().map(|letter| match made {
                    Ok(Ok(response)) => Ok(letter.answered(response)),
                    Ok(Err(error)) => Err(letter.failed(problem_of(&error))),
                    Err(_) => Err(letter.panicked()),
                })
            }
        };
        // It is polled no more once it is ready.
        answer.map_or(Poll::Pending, Poll::Ready)
    }
}

fn problem_of(error: &Error) -> Problem {
    error.as_error::<Problem>().cloned().unwrap_or_else(|| Problem::of_status(error.as_response_error().status_code()))
}
