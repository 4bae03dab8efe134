//! An actor: whoever uses a gateway over its socket.

use crate::log;
use dalston_model::KeyId;
use reqwest::{
    ClientBuilder, Method, RequestBuilder, Response, StatusCode,
    header::{HeaderMap, HeaderName},
    multipart::{Form, Part},
};
use serde_json::Value;
use std::sync::Once;

/// A client with at most one key.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    /// The secret, if there is one.
    pub secret: Option<String>,
    /// The id of its key, if the kit made it.
    pub id: Option<KeyId>,
}

/// An answer, read whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body as JSON; null when it is none.
    pub json: Value,
    /// Its body as text.
    pub text: String,
}

impl Client {
    /// Somebody who talks to `url`.
    pub fn new(url: &str, secret: Option<&str>) -> Self {
        // It speaks no TLS: to read the certificates of the machine takes longer than most requests.
        Self::shaped(url, secret, |http| http.tls_certs_only([]))
    }

    /// Somebody who talks to `url` with an HTTP client of this shape.
    pub fn shaped(url: &str, secret: Option<&str>, shape: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            // An error means that another test was first.
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let http = shape(reqwest::Client::builder().no_proxy()).build().unwrap();
        Self { http, url: url.to_owned(), secret: secret.map(str::to_owned), id: None }
    }

    /// The same client, whose key has this id.
    #[must_use]
    pub fn known_as(self, id: KeyId) -> Self {
        Self { id: Some(id), ..self }
    }

    /// A request that is not sent yet, with the key in `Authorization`.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match &self.secret {
            Some(secret) => request.bearer_auth(secret),
            None => request,
        }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::DELETE, path)).await
    }

    /// GET with these headers beside the key.
    pub async fn get_with(&self, path: &str, headers: &[(&'static str, &str)]) -> Answer {
        Answer::of(with(self.request(Method::GET, path), headers)).await
    }

    /// POST of JSON with these headers beside the key.
    pub async fn post_with(&self, path: &str, body: Value, headers: &[(&'static str, &str)]) -> Answer {
        Answer::of(with(self.request(Method::POST, path).json(&body), headers)).await
    }

    /// POST of JSON.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(&body)).await
    }

    /// PUT of JSON.
    pub async fn put(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::PUT, path).json(&body)).await
    }

    /// PATCH of JSON.
    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::PATCH, path).json(&body)).await
    }

    /// An upload of a file.
    pub async fn upload(&self, file: Vec<u8>, name: &str) -> Answer {
        Answer::of(self.uploading(file, name)).await
    }

    /// An upload of a file that is not sent yet.
    pub fn uploading(&self, file: Vec<u8>, name: &str) -> RequestBuilder {
        let form = Form::new().part("file", Part::bytes(file).file_name(name.to_owned()));
        self.request(Method::POST, "/v1/audio/transcriptions").multipart(form)
    }
}

/// The request with more headers, also where it has such headers already.
fn with(request: RequestBuilder, headers: &[(&'static str, &str)]) -> RequestBuilder {
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
}

impl Answer {
    /// Sends the request and reads the answer.
    pub async fn of(request: RequestBuilder) -> Self {
        Self::read(request.send().await.unwrap()).await
    }

    async fn read(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        // Events may never end: whoever wants to read them does so as they come.
        let is_events = headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
        let text = if is_events { String::new() } else { response.text().await.unwrap() };
        let json = serde_json::from_str(&text).unwrap_or_default();
        Self { status, headers, json, text }
    }

    /// The status as a number.
    pub fn code(&self) -> u16 {
        self.status.as_u16()
    }

    /// The value of a header; empty when it is not there.
    pub fn header(&self, name: &'static str) -> &str {
        let value = self.headers.get(HeaderName::from_static(name));
        value.map_or("", |value| value.to_str().unwrap())
    }

    /// The answer, which must have this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.code(), status, "{}", self.text);
        self
    }

    /// The code of a problem; empty when the answer is none.
    pub fn problem(&self) -> &str {
        let is_problem = self.header("content-type") == "application/problem+json";
        if is_problem { self.json["code"].as_str().unwrap_or_default() } else { "" }
    }

    /// All that was answered but the date and the id of the request: what may not tell one refusal from another.
    pub fn bare(&self) -> (StatusCode, Vec<(String, String)>, String) {
        let id = self.header("x-request-id");
        let told = |name: &HeaderName| !matches!(name.as_str(), "date" | "x-request-id");
        let headers = self.headers.iter().filter(|(name, _)| told(name));
        let mut headers: Vec<(String, String)> =
            headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
        headers.sort();
        (self.status, headers, self.text.replace(id, ""))
    }

    /// The fields that a problem names, in its order.
    pub fn fields(&self) -> Vec<&str> {
        let errors = self.json["errors"].as_array().into_iter().flatten();
        errors.map(|error| error["field"].as_str().unwrap()).collect()
    }

    /// The ids of a list.
    pub fn ids(&self) -> Vec<&str> {
        let items = self.json.as_array().unwrap_or_else(|| panic!("no list: {}", self.text));
        items.iter().map(|item| item["id"].as_str().unwrap()).collect()
    }

    /// The secret of a key or a webhook that was made or rotated. No line of the log may hold it.
    #[track_caller]
    pub fn secret(&self) -> String {
        let secret = self.json["key"]
            .as_str()
            .or(self.json["secret"].as_str())
            .unwrap_or_else(|| panic!("no secret: {}", self.text));
        log::guard(secret);
        secret.to_owned()
    }

    /// The path of the next page; `None` on the last.
    pub fn next(&self) -> Option<&str> {
        self.header("link").strip_prefix('<')?.strip_suffix(">; rel=\"next\"")
    }
}
