//! How long the head of a request may be: what nobody needs is not parsed further, nor logged.

use actix_web::{
    Error, HttpRequest,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
};
use dalston_actix::{Problem, RequestInfo};

/// A target has at most so many bytes (RFC 9112 §3 wants 8,000 of a server).
const TARGET: usize = 8 * 1024;
/// The whole head has at most so many.
const HEAD: usize = 16 * 1024;

/// Answers 400 to a head that is too long. The server's own limits lie behind, and answer in no shape of ours.
pub(crate) async fn check(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    match too_long(request.request()) {
        Some(detail) => {
            let info = RequestInfo::of(request.request());
            Ok(request.into_response(Problem::malformed(detail).respond(&info.id)).map_into_right_body())
        }
        None => Ok(next.call(request).await?.map_into_left_body()),
    }
}

fn too_long(request: &HttpRequest) -> Option<&'static str> {
    // As it came: an absolute target with its scheme and host.
    let target = request.uri().to_string().len();
    // Each line with what parts name and value, and its end; the first with the version.
    let lines = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    let head = request.method().as_str().len() + target + "  HTTP/1.1\r\n\r\n".len() + lines.sum::<usize>();
    if target > TARGET {
        Some("The target of the request is longer than 8192 bytes")
    } else {
        (head > HEAD).then_some("The head of the request is longer than 16384 bytes")
    }
}
