//! How long the head of a request may be: what nobody needs is not parsed further, nor logged.

use actix_web::{
    HttpRequest,
    http::{
        Uri,
        header::{self, HeaderValue},
    },
};
use dalston_actix::Problem;

/// A target has at most so many bytes (RFC 9112 §3 wants 8,000 of a server).
const TARGET: usize = 8 * 1024;
/// The whole head has at most so many.
const HEAD: usize = 16 * 1024;

/// Refuses with 400 a head that is too long. The server's own limits lie behind, and answer in no shape of ours. Gives
/// the `Host`, which the same pass finds.
pub(crate) fn check(request: &HttpRequest) -> Result<Option<&HeaderValue>, Problem> {
    let target = length(request.uri());
    // The first line with the version, and the empty one.
    let mut head = request.method().as_str().len() + target + "  HTTP/1.1\r\n\r\n".len();
    let mut host = None;
    for (name, value) in request.headers() {
        // Each line with what parts name and value, and its end.
        head += name.as_str().len() + value.len() + ": \r\n".len();
        if *name == header::HOST {
            host = host.or(Some(value));
        }
    }
    if target > TARGET {
        Err(Problem::malformed("The target of the request is longer than 8192 bytes"))
    } else if head > HEAD {
        Err(Problem::malformed("The head of the request is longer than 16384 bytes"))
    } else {
        Ok(host)
    }
}

/// The length of a target as it came: an absolute one with its scheme and host.
fn length(target: &Uri) -> usize {
    let scheme = target.scheme_str().map_or(0, |scheme| scheme.len() + "://".len());
    let authority = target.authority().map_or(0, |authority| authority.as_str().len());
    let query = target.query().map_or(0, |query| "?".len() + query.len());
    scheme + authority + target.path().len() + query
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_as_long_as_its_text() {
        for text in ["/", "/a?b=c", "/a?", "http://localhost:8000/a?b", "http://localhost/", "*"] {
            let target: Uri = text.parse().unwrap();
            assert_eq!(length(&target), target.to_string().len(), "{text}");
        }
    }
}
