//! A chunked body that nobody reads to its end. The framework would read on for as long as the client sends, whoever
//! that is; while the body is still held when the answer is done, it ends the connection instead (DOS-02, UPL-01).

use actix_web::{
    HttpMessage, HttpResponse,
    body::{BodySize, BoxBody, MessageBody},
    dev::{Payload, ServiceRequest},
    http::header,
    web::Bytes,
};
use futures_util::{Stream, stream::poll_fn};
use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

/// Holds a body of which something may be left.
pub(crate) struct UnconsumedBody {
    _payload: Rc<RefCell<Payload>>,
}

impl UnconsumedBody {
    /// Of a request that is chunked; its body is read as before.
    pub(crate) fn of(request: &mut ServiceRequest) -> Option<Self> {
        if !request.headers().contains_key(header::TRANSFER_ENCODING) {
            return None;
        }
        let payload = Rc::new(RefCell::new(request.take_payload()));
        let read = Rc::clone(&payload);
        let stream = poll_fn(move |context| Pin::new(&mut *read.borrow_mut()).poll_next(context));
        request.set_payload(Payload::Stream { payload: Box::pin(stream) });
        Some(Self { _payload: payload })
    }

    /// The body of an answer, which holds it until all is said.
    pub(crate) fn until_said(self, body: impl MessageBody + 'static) -> BoxBody {
        BoxBody::new(HoldingBody { body: body.boxed(), _unread: self })
    }

    /// The same, of a whole answer.
    pub(crate) fn until_answered(self, response: HttpResponse) -> HttpResponse {
        response.map_body(|_, body| self.until_said(body))
    }
}

/// The body of an answer, and what its client still wants to send.
struct HoldingBody {
    body: BoxBody,
    _unread: UnconsumedBody,
}

impl MessageBody for HoldingBody {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        self.body.as_pin_mut().poll_next(context)
    }
}
