//! The outermost service: notifies the connection while a request is served, normalises the paths of OpenAI's API,
//! splits long responses into pieces, and closes connections while the gateway drains.

use super::turn::{ConnectionTurn, Serving};
use crate::{Gateway, openai};
use actix_http::{
    ConnectionType, Payload, Request, Response, StatusCode,
    body::{BodySize, MessageBody},
};
use actix_web::{
    dev::{Service, ServiceFactory},
    web::{Bytes, Data},
};
use futures_util::future::LocalBoxFuture;
use pin_project_lite::pin_project;
use std::{
    future::Future,
    marker::PhantomData,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// Maximum number of bytes of a response that are encoded at once: the dispatcher copies a piece whole.
const PIECE: usize = 16 * 1024;

/// A service that notifies its connection when it serves a request.
pub(super) struct TrackedService<S, B> {
    service: S,
    gateway: Data<Gateway>,
    body: PhantomData<B>,
}

impl<S, B> TrackedService<S, B> {
    pub(super) const fn new(service: S, gateway: Data<Gateway>) -> Self {
        Self { service, gateway, body: PhantomData }
    }
}

impl<S, B> ServiceFactory<Request> for TrackedService<S, B>
where
    S: ServiceFactory<Request, Config = ()> + 'static,
    S::Response: Into<Response<B>>,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = Response<TrackedBody<B>>;
    type Error = S::Error;
    type Config = ();
    type Service = TrackedService<S::Service, B>;
    type InitError = S::InitError;
    type Future = LocalBoxFuture<'static, Result<Self::Service, Self::InitError>>;

    fn new_service(&self, (): ()) -> Self::Future {
        let (made, gateway) = (self.service.new_service(()), self.gateway.clone());
        Box::pin(async { Ok(TrackedService::new(made.await?, gateway)) })
    }
}

impl<S, B> Service<Request> for TrackedService<S, B>
where
    S: Service<Request>,
    S::Response: Into<Response<B>>,
    B: MessageBody,
{
    type Response = Response<TrackedBody<B>>;
    type Error = S::Error;
    type Future = TrackedFuture<S::Future, B>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&self, mut request: Request) -> Self::Future {
        if let Some(target) = openai::tidied(request.uri()) {
            request.head_mut().uri = target;
        }
        let serving = request.conn_data::<ConnectionTurn>().map(ConnectionTurn::begin);
        if let Some(serving) = &serving
            && !matches!(request.payload(), Payload::None)
        {
            let expects = request.head().expect();
            let body = serving.body(request.take_payload(), expects);
            *request.payload() = Payload::Stream { payload: Box::pin(body) };
        }
        let drains = self.gateway.is_draining();
        TrackedFuture { answering: self.service.call(request), serving, drains, body: PhantomData }
    }
}

pin_project! {
    /// A pending response.
    pub(super) struct TrackedFuture<F, B> {
        #[pin]
        answering: F,
        serving: Option<Serving>,
        drains: bool,
        body: PhantomData<B>,
    }
}

impl<F, T, E, B> Future for TrackedFuture<F, B>
where
    F: Future<Output = Result<T, E>>,
    T: Into<Response<B>>,
{
    type Output = Result<Response<TrackedBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.answering.poll(context));
        let (serving, drains) = (this.serving.take(), *this.drains);
        Poll::Ready(answer.map(|answer| {
            let mut answer =
                answer.into().map_body(|_, body| TrackedBody { body, rest: Bytes::new(), _serving: serving });
            if drains && answer.status() != StatusCode::SWITCHING_PROTOCOLS {
                answer.head_mut().set_connection_type(ConnectionType::Close);
            }
            answer
        }))
    }
}

pin_project! {
    /// The body of a response, in pieces. The request counts as served until the body is dropped.
    pub(super) struct TrackedBody<B> {
        #[pin]
        body: B,
        rest: Bytes,
        _serving: Option<Serving>,
    }
}

impl<B: MessageBody> MessageBody for TrackedBody<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.project();
        let mut piece = mem::take(this.rest);
        if piece.is_empty() {
            match ready!(this.body.poll_next(context)) {
                Some(Ok(bytes)) => piece = bytes,
                other => return Poll::Ready(other),
            }
        }
        if piece.len() > PIECE {
            *this.rest = piece.split_off(PIECE);
        }
        Poll::Ready(Some(Ok(piece)))
    }
}
