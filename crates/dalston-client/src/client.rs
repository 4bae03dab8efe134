//! Client of a gateway: calls routes with a credential.

use crate::{
    Call, ClientError, EndpointError, Reply,
    endpoint::{Endpoint, bearer},
};
use dalston_model::TenantId;
use percent_encoding::percent_decode_str;
use reqwest::header::{self, HeaderMap, HeaderValue};
use serde::de::DeserializeOwned;
use std::{fmt, time::Duration};

/// Timeout of a call, after which the gateway counts as unreachable.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum size of an answer in bytes: a transcript of a long day.
const LONGEST: usize = 64 << 20;

/// A gateway, and the credential for it.
#[derive(Clone)]
pub struct Client {
    endpoint: Endpoint,
    credential: HeaderValue,
    tenant: Option<TenantId>,
}

impl Client {
    /// A client of the gateway at `url`, with an API key or the master key as `secret`. The timeout is 30 s, and an
    /// answer is at most 64 MiB.
    pub fn new(url: &str, secret: &str) -> Result<Self, EndpointError> {
        let endpoint = Endpoint::new(url, TIMEOUT, LONGEST)?;
        Ok(Self { endpoint, credential: bearer(secret)?, tenant: None })
    }

    /// The same client in another tenant, which requires `platform`. `None` is the tenant of the credential.
    #[must_use]
    pub fn in_tenant(self, tenant: Option<TenantId>) -> Self {
        Self { tenant, ..self }
    }

    /// The URL of the gateway, without a slash at the end.
    pub fn url(&self) -> &str {
        self.endpoint.url()
    }

    /// Calls a route, and parses its output as a `T`.
    pub async fn call<T: DeserializeOwned>(&self, call: Call) -> Result<Reply<T>, ClientError> {
        let method = call.method.clone();
        let (path, body) = call.target()?;
        let mut request = self.endpoint.request(method, &path, self.credential.clone());
        if let Some(tenant) = &self.tenant {
            request = request.header("x-dalston-tenant", tenant.as_str());
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let success = self.endpoint.send(request).await?;
        // The message of serde may contain the value, so the error names only its position.
        let output = serde_json::from_slice(&success.body)
            .map_err(|error| ClientError::Shape(format!("line {}, column {}", error.line(), error.column())))?;
        Ok(Reply { output, next: next(&success.headers) })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("url", &self.url()).field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

/// The cursor of the next page, from the `Link` header.
fn next(headers: &HeaderMap) -> Option<String> {
    let url = headers.get(header::LINK)?.to_str().ok()?.strip_prefix('<')?.split('>').next()?;
    let value = url.split(['?', '&']).find_map(|pair| pair.strip_prefix("cursor="))?;
    Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
}
