//! Size limits of the request head: a longer one is neither parsed further nor logged.

use actix_web::{
    HttpRequest,
    http::{
        Uri,
        header::{self, HeaderValue},
    },
};
use dalston_actix::Problem;

/// Maximum number of bytes in a request target (RFC 9112 §3 recommends at least 8,000).
const TARGET: usize = 8 * 1024;
/// Maximum number of bytes in the whole head.
const HEAD: usize = 16 * 1024;

/// Refuses a head that is too long with 400. The limits of the HTTP server itself are higher, and its responses are not
/// in our problem format.
///
/// Returns the `Host` header, which the same pass over the headers finds.
pub(crate) fn check(request: &HttpRequest) -> Result<Option<&HeaderValue>, Problem> {
    let target = length(request.uri());
    // The request line with the version, and the blank line.
    let mut head = request.method().as_str().len() + target + "  HTTP/1.1\r\n\r\n".len();
    let mut host = None;
    for (name, value) in request.headers() {
        // Each line with its separator and line end.
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

/// Returns the length of a target as it was sent: an absolute one includes its scheme and host.
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
