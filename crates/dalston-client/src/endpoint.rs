//! HTTP transport to a gateway: its URL, timeout, and maximum size of an answer.

use crate::{ClientError, ReceivedProblem};
use reqwest::{
    Client, Method, RequestBuilder, Response, StatusCode, Url,
    header::{self, HeaderMap, HeaderValue},
    redirect::Policy,
};
use std::time::Duration;
use thiserror::Error;

/// Why a client cannot be built.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndpointError {
    /// The text is not an HTTP URL.
    #[error("must be a URL with its scheme: http://127.0.0.1:8000")]
    Url,
    /// The URL contains a user or password, which would be shown with it.
    #[error("must be a URL without a user and a password")]
    Password,
    /// The secret is not a valid header value.
    #[error("a secret holds visible ASCII characters only: no space, no end of line")]
    Secret,
    /// TLS cannot be set up on this system.
    #[error("there is no HTTP client")]
    Http,
}

/// A gateway at a URL. Follows no redirect: the credential is sent to no other host and no other path.
#[derive(Clone)]
pub(crate) struct Endpoint {
    http: Client,
    url: String,
    longest: usize,
}

/// A complete answer with a success status.
pub(crate) struct Success {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Endpoint {
    /// The gateway at `url`. An answer must arrive within `timeout` and have at most `longest` bytes.
    pub(crate) fn new(url: &str, timeout: Duration, longest: usize) -> Result<Self, EndpointError> {
        let parsed = Url::parse(url).map_err(|_| EndpointError::Url)?;
        if !matches!(parsed.scheme(), "http" | "https") || !parsed.has_host() {
            return Err(EndpointError::Url);
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(EndpointError::Password);
        }
        dalston_tls::install_provider();
        let http = Client::builder().timeout(timeout).redirect(Policy::none()).build();
        Ok(Self { http: http.map_err(|_| EndpointError::Http)?, url: url.trim_end_matches('/').to_owned(), longest })
    }

    /// The gateway's URL, without a slash at the end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Builds a request without sending it. `path` begins with a slash.
    pub(crate) fn request(&self, method: Method, path: &str, credential: HeaderValue) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url)).header(header::AUTHORIZATION, credential)
    }

    /// Sends a request, and reads the whole answer.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Success, ClientError> {
        let response = request.send().await.map_err(unreachable)?;
        let (status, headers) = (response.status(), response.headers().clone());
        // Do not read the body of an answer that is not a gateway's.
        if media_type(&headers) != expected(status) {
            return Err(ClientError::Foreign(status));
        }
        let body = self.whole(response).await?;
        if status.is_success() {
            return Ok(Success { headers, body });
        }
        let problem = ReceivedProblem::read(status.as_u16(), retry_after(&headers), &body);
        Err(problem.map_or(ClientError::Foreign(status), ClientError::Refused))
    }

    async fn whole(&self, mut response: Response) -> Result<Vec<u8>, ClientError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > self.longest {
                return Err(ClientError::TooLarge(self.longest));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// The value of `Authorization` for a secret, marked as sensitive so that `Debug` does not show it.
pub(crate) fn bearer(secret: &str) -> Result<HeaderValue, EndpointError> {
    if secret.is_empty() || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(EndpointError::Secret);
    }
    let mut value = HeaderValue::try_from(format!("Bearer {secret}")).map_err(|_| EndpointError::Secret)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The media type that a gateway uses with this status. A gateway never sends a redirect.
fn expected(status: StatusCode) -> &'static str {
    if status.is_success() {
        "application/json"
    } else if status.is_client_error() || status.is_server_error() {
        "application/problem+json"
    } else {
        "none"
    }
}

/// The media type of a body, without its parameters.
fn media_type(headers: &HeaderMap) -> &str {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

/// `Retry-After` in seconds: a gateway never sends it as a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    value.parse().ok().map(Duration::from_secs)
}

/// The cause of a transport error, without the URL.
fn unreachable(error: reqwest::Error) -> ClientError {
    ClientError::Unreachable(error.without_url().to_string())
}
