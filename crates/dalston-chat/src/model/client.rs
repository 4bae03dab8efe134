//! HTTP client of an OpenAI-compatible chat completions server.

use super::wire::{ModelMessage, ModelRequest, ModelResponse, ModelTurn};
use dalston_auth::{Mask, SecretText};
use dalston_service::{ServiceError, ServiceResult};
use reqwest::{Client, StatusCode, header, redirect};
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use thiserror::Error;

/// The error that the caller receives when the model does not answer, whatever the cause.
pub(super) const MODEL_UNREACHABLE: ServiceError = ServiceError::Unreachable("The language model cannot be reached");
/// Maximum size of a response in bytes.
const LARGEST: usize = 1024 * 1024;

/// A language model behind an OpenAI-compatible server.
pub struct LanguageModel {
    client: Client,
    url: String,
    name: String,
    key: Option<SecretText>,
    mask: Arc<Mask>,
}

/// Why the model did not answer. Logged only.
#[derive(Debug, Error)]
enum NoAnswer {
    #[error("{0:?}")]
    Http(reqwest::Error),
    #[error("the server answered {0}")]
    Status(StatusCode),
    #[error("the answer is larger than {LARGEST} bytes")]
    TooLarge,
    #[error("the answer is no chat completion")]
    Garbled,
}

impl From<reqwest::Error> for NoAnswer {
    fn from(error: reqwest::Error) -> Self {
        Self::Http(error.without_url())
    }
}

impl LanguageModel {
    /// Creates a client for the model `name` at the base URL `url`. `patience` is the timeout of a response. `mask`
    /// removes secrets from everything that is sent.
    pub fn new(
        url: &str,
        name: String,
        key: Option<SecretText>,
        patience: Duration,
        mask: Arc<Mask>,
    ) -> Result<Self, reqwest::Error> {
        dalston_tls::install_provider();
        // Redirects are off: they would send the conversation to another server. Connections are not pooled: a server
        // may close an idle connection at the moment of its reuse, and a model response takes far longer than
        // connecting.
        let client = Client::builder().timeout(patience).redirect(redirect::Policy::none()).pool_max_idle_per_host(0);
        let client = client.build()?;
        Ok(Self { client, url: format!("{url}/chat/completions"), name, key, mask })
    }

    /// Requests the model's next turn. Secrets are masked.
    pub(super) async fn complete(&self, messages: &[ModelMessage], tools: &[Value]) -> ServiceResult<ModelTurn> {
        let asked = serde_json::to_string(&ModelRequest { model: &self.name, messages, tools });
        let asked = asked.map_err(|_| ServiceError::Internal)?;
        self.ask(self.mask.text(&asked).into_owned()).await.map_err(|error| {
            tracing::warn!(event = "llm.request_failed", %error, "could not get an answer from the language model");
            MODEL_UNREACHABLE
        })
    }

    async fn ask(&self, body: String) -> Result<ModelTurn, NoAnswer> {
        let mut request = self.client.post(&self.url).header(header::CONTENT_TYPE, "application/json").body(body);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.expose());
        }
        let mut response = request.send().await?;
        if !response.status().is_success() {
            return Err(NoAnswer::Status(response.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > LARGEST {
                return Err(NoAnswer::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        serde_json::from_slice::<ModelResponse>(&body).ok().and_then(ModelResponse::turn).ok_or(NoAnswer::Garbled)
    }
}
