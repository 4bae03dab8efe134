//! The browser origins that may open a stream or speak MCP: a page of another site must not use a visitor's network
//! position.

use actix_web::{HttpRequest, http::header};

/// The configured origins. The request's own host is always allowed as well.
pub(crate) struct Origins(Vec<String>);

impl Origins {
    /// Allows these origins.
    pub(crate) fn new(allowed: Vec<String>) -> Self {
        Self(allowed)
    }

    /// Returns the configured origins.
    pub(crate) fn listed(&self) -> &[String] {
        &self.0
    }

    /// Whether the request's origin is allowed.
    ///
    /// A request without `Origin` does not come from a browser and is allowed. Two `Origin` headers are ambiguous and
    /// refused.
    pub(crate) fn allow(&self, request: &HttpRequest) -> bool {
        let mut origins = request.headers().get_all(header::ORIGIN);
        let Some(origin) = origins.next() else { return true };
        if origins.next().is_some() {
            return false;
        }
        let Ok(origin) = origin.to_str() else { return false };
        let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let own = origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host));
        own || self.0.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn the_own_host_and_listed_origins_may_open_a_stream() {
        let origins = Origins::new(vec!["https://app.example.com".to_owned()]);
        let allowed = |origin: &str| {
            let request =
                TestRequest::get().insert_header(("host", "localhost:8000")).insert_header(("origin", origin));
            origins.allow(&request.to_http_request())
        };
        assert!(allowed("http://localhost:8000") && allowed("https://app.example.com"));
        for wrong in ["http://localhost:9000", "https://evil.example", "null", "https://app.example.com.evil", ""] {
            assert!(!allowed(wrong), "WS-03 {wrong}");
        }
        assert!(origins.allow(&TestRequest::get().to_http_request()));
    }

    #[test]
    fn two_origins_are_none_that_may() {
        let origins = Origins::new(vec!["https://app.example.com".to_owned()]);
        for (one, two) in [
            ("http://localhost:8000", "https://evil.example"),
            ("https://evil.example", "http://localhost:8000"),
            ("http://localhost:8000", "http://localhost:8000"),
            ("https://app.example.com", "https://app.example.com"),
        ] {
            let request = TestRequest::get().insert_header(("host", "localhost:8000"));
            let request = request.append_header(("origin", one)).append_header(("origin", two));
            assert!(!origins.allow(&request.to_http_request()), "WS-03 {one} {two}");
        }
    }
}
