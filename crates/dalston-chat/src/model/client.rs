//! The client of an OpenAI-compatible server.

use super::wire::{ModelResponse, ModelRequest, ModelMessage, ModelTurn};
use dalston_auth::{Mask, SecretText};
use dalston_service::{ServiceError, ServiceResult};
use reqwest::{Client, StatusCode, header, redirect};
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use thiserror::Error;

/// What the caller hears of a model that says nothing, whatever the cause.
pub(super) const SILENT: ServiceError = ServiceError::Unreachable("The language model cannot be reached");
/// An answer has at most so many bytes.
const LARGEST: usize = 1024 * 1024;

/// A language model.
pub struct LanguageModel {
    client: Client,
    url: String,
    name: String,
    key: Option<SecretText>,
    mask: Arc<Mask>,
}

/// Why a model said nothing: for the log.
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
    /// The model of this name at `url`, which is given up when an answer takes longer than `patience`. It is sent what
    /// the mask leaves.
    pub fn new(
        url: &str,
        name: String,
        key: Option<SecretText>,
        patience: Duration,
        mask: Arc<Mask>,
    ) -> Result<Self, reqwest::Error> {
        dalston_tls::install_provider();
        // A redirect would carry what was said to another server. Each request has a connection of its own: a server may
        // close one that is idle at the moment when it would be used again, and a model takes far longer than a connection.
        let client = Client::builder().timeout(patience).redirect(redirect::Policy::none()).pool_max_idle_per_host(0);
        let client = client.build()?;
        Ok(Self { client, url: format!("{url}/chat/completions"), name, key, mask })
    }

    /// What the model says next. No secret is sent.
    pub(super) async fn complete(&self, messages: &[ModelMessage], tools: &[Value]) -> ServiceResult<ModelTurn> {
        let asked = serde_json::to_string(&ModelRequest { model: &self.name, messages, tools });
        let asked = asked.map_err(|_| ServiceError::Internal)?;
        self.ask(self.mask.text(&asked).into_owned()).await.map_err(|error| {
            tracing::warn!(%error, "the language model gave no answer");
            SILENT
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
