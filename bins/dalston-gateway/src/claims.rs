//! Claim links. GET shows a page and reveals nothing, since link previews fetch it. POST reveals the secret once.

use crate::{Gateway, fault::problem, server::ConnectionTurn};
use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::header::{self, HeaderName, HeaderValue},
    web::{Data, Path},
};
use dalston_actix::{Problem, RequestInfo, request_info};
use dalston_auth::{Rejection, RejectionReason, http::FORWARDED_PROTO};
use dalston_model::{Actor, Door, Source};
use dalston_service::{ClaimedSecret, ServiceError, detached};
use serde_json::json;
use std::net::IpAddr;

/// Headers of every response about a claim, for browsers, proxies and search engines: the path is a secret.
const HEADERS: [(HeaderName, &str); 3] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
];
/// The page loads nothing and runs no script. The style is allowed by its digest.
const POLICY: &str = "default-src 'none'; style-src 'sha256-ITUGJaMH9Vk/gRLG/ugNPcHL8MRRCdcEbgJPx1ioD60='; form-action 'self'; frame-ancestors 'none'; \
                      base-uri 'none'";
const STYLE: &str = "body{font:1.1rem/1.6 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem}\
                     code{overflow-wrap:anywhere;user-select:all}button{font:inherit;padding:.4rem 1.2rem}";
const WAITS: &str = "<h1>A secret waits for you</h1><p>It is shown once. Have a place ready to keep it.</p>\
                     <form method=\"post\"><button>Show it</button></form>";

/// Shows the page of a claim that was not redeemed yet.
pub(crate) async fn show(
    request: HttpRequest,
    token: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let info = request_info(&request);
    gateway.runtime.services.claim_links.waits(&token).await.map_err(|error| refused(&gateway, info.address, error))?;
    Ok(page(WAITS))
}

/// Redeems a claim and returns its secret, as JSON, or as a page for the form of the claim's page.
pub(crate) async fn open(
    request: HttpRequest,
    token: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let RequestInfo { id, address } = request_info(&request);
    let source = Source { actor: Actor::Gateway, door: Door::Http, address, request_id: Some(id) };
    let (at_work, token) = (gateway.clone(), token.into_inner());
    let opening = async move { at_work.runtime.services.claim_links.open(&token, source).await };
    let ClaimedSecret { name, secret } = detached(opening).await.map_err(|error| refused(&gateway, address, error))?;
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Ok(if accept.contains("text/html") {
        let secret = escaped(secret.expose());
        page(&format!("<h1>Your secret</h1><p><code>{secret}</code></p><p>It will not be shown again.</p>"))
    } else {
        answer().json(json!({name: secret.expose()}))
    })
}

/// Returns the link of a token: under the public URL, or else under the host that the request used.
pub(crate) fn url(gateway: &Gateway, request: &HttpRequest, token: &str) -> String {
    let host = || {
        let header = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
        let host = request.uri().authority().map(ToString::to_string).or(header);
        // HTTP/1.0 clients may send no host. The local address that the client connected to is used then.
        let reached = || request.conn_data::<ConnectionTurn>()?.local_addr().map(|address| address.to_string());
        let peer = request.peer_addr().map(|peer| peer.ip());
        let forwarded = request.headers().get(FORWARDED_PROTO).map(HeaderValue::as_bytes);
        format!("{}://{}", gateway.proxies.scheme(peer, forwarded), host.or_else(reached).unwrap_or_default())
    };
    let base = gateway.public_url.clone().unwrap_or_else(host);
    format!("{base}/auth/claims/{token}")
}

/// Counts an unknown token as a failed authentication attempt of the address, and returns the problem.
fn refused(gateway: &Gateway, address: Option<IpAddr>, error: ServiceError) -> Problem {
    let problem = match error {
        ServiceError::NotFound(_) => match gateway.runtime.gate.charge_failure(address) {
            reason @ RejectionReason::TooManyFailures { .. } => Rejection::from(reason).into(),
            _ => problem(error),
        },
        error => problem(error),
    };
    HEADERS.into_iter().fold(problem, |problem, (name, value)| problem.with_header(&name, value))
}

fn answer() -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    for header in HEADERS {
        response.insert_header(header);
    }
    response
}

fn page(content: &str) -> HttpResponse {
    answer().insert_header((header::CONTENT_SECURITY_POLICY, POLICY)).content_type("text/html; charset=utf-8").body(
        format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\"><title>Dalston</title>\
             <style>{STYLE}</style>{content}</html>"
        ),
    )
}

/// Escapes the text for HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
