//! Closes the connection of a client whose chunked body is not read to its end (DOS-02, UPL-01).
//!
//! actix would drain the body for as long as the client sends, even if the client is not authenticated. If the body is
//! still held when the response is complete, actix closes the connection instead.

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

/// Holds the body of a request, of which some may be unread.
pub(crate) struct UnconsumedBody {
    _payload: Rc<RefCell<Payload>>,
}

impl UnconsumedBody {
    /// Takes hold of the body of a chunked request, and leaves a stream that reads it as before. Returns `None` if the
    /// request is not chunked.
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

    /// Returns the response body, which holds the request body until it is sent.
    pub(crate) fn hold_until_sent(self, body: impl MessageBody + 'static) -> BoxBody {
        BoxBody::new(HoldingBody { body: body.boxed(), _unread: self })
    }

    /// Like [`UnconsumedBody::hold_until_sent`], for a whole response.
    pub(crate) fn hold_until_response(self, response: HttpResponse) -> HttpResponse {
        response.map_body(|_, body| self.hold_until_sent(body))
    }
}

/// The body of a response that holds the body of its request.
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
