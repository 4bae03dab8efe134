//! The outermost service: it tells the connection when a request is served, and cuts long answers into pieces.

use super::turn::{Serving, Turn};
use actix_http::{
    Payload, Request, Response,
    body::{BodySize, MessageBody},
};
use actix_web::{
    dev::{Service, ServiceFactory},
    web::Bytes,
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

/// A piece of an answer that is encoded at once has at most so many bytes: the dispatcher copies a piece whole.
const PIECE: usize = 16 * 1024;

/// A service whose connections know when it serves a request.
pub(super) struct Answering<S, B> {
    service: S,
    body: PhantomData<B>,
}

impl<S, B> Answering<S, B> {
    pub(super) const fn new(service: S) -> Self {
        Self { service, body: PhantomData }
    }
}

impl<S, B> ServiceFactory<Request> for Answering<S, B>
where
    S: ServiceFactory<Request, Config = ()> + 'static,
    S::Response: Into<Response<B>>,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = Response<Answer<B>>;
    type Error = S::Error;
    type Config = ();
    type Service = Answering<S::Service, B>;
    type InitError = S::InitError;
    type Future = LocalBoxFuture<'static, Result<Self::Service, Self::InitError>>;

    fn new_service(&self, (): ()) -> Self::Future {
        let made = self.service.new_service(());
        Box::pin(async { Ok(Answering::new(made.await?)) })
    }
}

impl<S, B> Service<Request> for Answering<S, B>
where
    S: Service<Request>,
    S::Response: Into<Response<B>>,
    B: MessageBody,
{
    type Response = Response<Answer<B>>;
    type Error = S::Error;
    type Future = Answered<S::Future, B>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&self, mut request: Request) -> Self::Future {
        let serving = request.conn_data::<Turn>().map(Turn::begin);
        if let Some(serving) = &serving
            && !matches!(request.payload(), Payload::None)
        {
            let body = serving.body(request.take_payload());
            *request.payload() = Payload::Stream { payload: Box::pin(body) };
        }
        Answered { answering: self.service.call(request), serving, body: PhantomData }
    }
}

pin_project! {
    /// An answer that is being made.
    pub(super) struct Answered<F, B> {
        #[pin]
        answering: F,
        serving: Option<Serving>,
        body: PhantomData<B>,
    }
}

impl<F, T, E, B> Future for Answered<F, B>
where
    F: Future<Output = Result<T, E>>,
    T: Into<Response<B>>,
{
    type Output = Result<Response<Answer<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.answering.poll(context));
        let serving = this.serving.take();
        Poll::Ready(
            answer
                .map(|answer| answer.into().map_body(|_, body| Answer { body, rest: Bytes::new(), _serving: serving })),
        )
    }
}

pin_project! {
    /// The body of an answer, piece by piece. Its request is served until it is dropped.
    pub(super) struct Answer<B> {
        #[pin]
        body: B,
        rest: Bytes,
        _serving: Option<Serving>,
    }
}

impl<B: MessageBody> MessageBody for Answer<B> {
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
