//! A running gateway: the command's own HTTP route, with the key in `DALSTON_API_KEY`.

use crate::{door::Drawn, fault::Fault};
use dalston_command::{Arguments, Method, Registry, Row, shown};
use dalston_model::{ErrorCode, TenantId};
use dalston_service::Secret;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use reqwest::{Client, Response, Url, header};
use serde_json::Value;
use std::time::Duration;

/// A gateway that does not answer in this time is unreachable.
const PATIENCE: Duration = Duration::from_secs(30);

/// A gateway, and the key for it.
pub(crate) struct Remote {
    client: Client,
    url: String,
    key: String,
    tenant: Option<TenantId>,
}

impl Remote {
    /// Its URL, without a slash at the end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The gateway at `url`.
    pub(crate) fn new(url: &str, key: Option<String>, tenant: Option<TenantId>) -> Result<Self, Fault> {
        let key = key.ok_or_else(|| Fault::usage("--server needs a key in DALSTON_API_KEY"))?;
        let sound = |it: &Url| matches!(it.scheme(), "http" | "https") && it.has_host();
        if !Url::parse(url).is_ok_and(|it| sound(&it)) {
            return Err(Fault::usage("--server (DALSTON_SERVER) must be a URL with its scheme: http://127.0.0.1:8000"));
        }
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Fault::usage(
                "DALSTON_API_KEY must hold visible ASCII characters only: no space, no end of line",
            ));
        }
        // A second call finds the first provider in place.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().timeout(PATIENCE).build().map_err(|_| Fault::failed("no HTTP client"))?;
        Ok(Self { client, url: url.trim_end_matches('/').to_owned(), key, tenant })
    }

    /// Runs a command by its route.
    pub(crate) async fn invoke(&self, row: &Row, arguments: Arguments) -> Result<Drawn, Fault> {
        self.ask(row, arguments, self.tenant.as_ref()).await
    }

    /// Makes the tenant that was named, unless it is there.
    pub(crate) async fn ensure_tenant(&self, registry: &Registry) -> Result<(), Fault> {
        let Some(tenant) = &self.tenant else { return Ok(()) };
        let row = registry.row("tenants.create").ok_or_else(|| Fault::failed("there is no tenants.create"))?;
        let arguments = Arguments::from_iter([("id".to_owned(), tenant.as_str().into())]);
        // Not in the tenant that is not there yet.
        match self.ask(row, arguments, None).await {
            Err(fault) if !fault.is_conflict() => Err(fault),
            _ => Ok(()),
        }
    }

    async fn ask(&self, row: &Row, mut arguments: Arguments, tenant: Option<&TenantId>) -> Result<Drawn, Fault> {
        let path = path(row, &mut arguments)?;
        let mut request = match row.route.method {
            Method::Get => self.client.get(format!("{}{path}{}", self.url, query(&arguments))),
            Method::Delete => self.client.delete(format!("{}{path}{}", self.url, query(&arguments))),
            Method::Post => self.client.post(format!("{}{path}", self.url)).json(&arguments),
            Method::Put => self.client.put(format!("{}{path}", self.url)).json(&arguments),
            Method::Patch => self.client.patch(format!("{}{path}", self.url)).json(&arguments),
        };
        request = request.bearer_auth(&self.key);
        if let Some(tenant) = tenant {
            request = request.header("x-dalston-tenant", tenant.as_str());
        }
        // The cause may name the URL, never the key.
        let response = request.send().await.map_err(|error| {
            Fault::unreachable(format!("the gateway at {} cannot be reached: {}", self.url, error.without_url()))
        })?;
        answer(row, response).await
    }
}

/// The route with the arguments of its braces, which are taken out.
fn path(row: &Row, arguments: &mut Arguments) -> Result<String, Fault> {
    let mut path = String::new();
    for segment in row.route.pattern.split('/').skip(1) {
        path.push('/');
        match segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            None => path.push_str(segment),
            Some(name) => {
                let value = arguments.remove(name).ok_or_else(|| Fault::usage(format!("{name} is required")))?;
                path.push_str(&encoded(&value));
            }
        }
    }
    Ok(path)
}

fn query(arguments: &Arguments) -> String {
    let pairs: Vec<String> = arguments.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

fn encoded(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    utf8_percent_encode(&text, NON_ALPHANUMERIC).to_string()
}

async fn answer(row: &Row, response: Response) -> Result<Drawn, Fault> {
    let status = response.status();
    let next = response.headers().get(header::LINK).and_then(|link| cursor(link.to_str().ok()?));
    let not_ours = || Fault::failed(format!("the server answered {status}, but not as a Dalston gateway does"));
    let mut data: Value = response.json().await.map_err(|_| not_ours())?;
    if !status.is_success() {
        let code: ErrorCode = data["code"].as_str().and_then(|code| code.parse().ok()).ok_or_else(not_ours)?;
        return Err(Fault::new(code, shown(&problem(&data))));
    }
    // No answer has more than one of them.
    let secret = Secret::NAMES
        .into_iter()
        .find_map(|name| data.as_object_mut()?.shift_remove(name)?.as_str().map(|text| (name, text.to_owned())));
    let answer =
        row.read(data).map_err(|error| Fault::failed(format!("{error}. Is the gateway of another version?")))?;
    Ok(Drawn { answer, secret, next })
}

/// A problem in a line: its detail, then each field.
fn problem(data: &Value) -> String {
    let field = |error: &Value| {
        format!("{} {}", error["field"].as_str().unwrap_or_default(), error["detail"].as_str().unwrap_or_default())
    };
    match data["errors"].as_array() {
        Some(errors) => errors.iter().map(field).collect::<Vec<_>>().join("; "),
        None => data["detail"].as_str().unwrap_or_default().to_owned(),
    }
}

/// The cursor in a `Link` to the next page.
fn cursor(link: &str) -> Option<String> {
    let url = link.strip_prefix('<')?.split('>').next()?;
    let value = url.split(['?', '&']).find_map(|pair| pair.strip_prefix("cursor="))?;
    Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
}
