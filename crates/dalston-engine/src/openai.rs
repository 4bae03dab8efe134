//! Engine that sends jobs to an OpenAI-compatible server: whisper.cpp's, speaches, vLLM, OpenAI.

use crate::{
    Engine, EngineError, Sink, StopFlag, Summary, TranscriptionTask,
    answer::{self, MOST},
    format::AudioFormat,
    relay::{relay, wait_for_stop},
};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use dalston_model::SharedClock;
use futures_util::{Stream, stream::unfold};
use reqwest::{
    Body, Client, Response, StatusCode,
    header::{AUTHORIZATION, HeaderValue},
    multipart::{Form, Part},
    redirect,
};
use serde::Deserialize;
use std::{fs::File, io, path::Path, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt},
    sync::Mutex,
    time::timeout,
};

/// Timeout of a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Timeout of the list of models (also of reading the body of an error response), and how long the list is cached.
const LIST_TIMEOUT: Duration = Duration::from_secs(5);
const MODELS_TTL: Duration = Duration::from_mins(1);
/// Maximum number of bytes read of the list of models, and of the body of an error response for the log.
const MOST_LIST: usize = 1024 * 1024;
const MOST_REFUSAL: usize = 1024;
/// Maximum number of models that are kept of the list.
const MOST_MODELS: usize = 1_000;
/// Bytes of the audio that are read at once.
const CHUNK_SIZE: usize = 64 * 1024;
/// Default model. OpenAI requires a name; most other servers ignore it.
const DEFAULT_MODEL: &str = "whisper-1";

/// Error messages for clients.
pub(crate) const REFUSED: &str = "The engine refused the audio or its options";
const TOO_LONG: &str = "The answer of the engine is too long";
/// Error message for clients when the engine cannot translate.
pub const UNTRANSLATED: &str = "The engine cannot translate";

/// An OpenAI-compatible server as an engine. Each job is one request; request and response are both streamed.
pub struct OpenAi {
    client: Client,
    url: String,
    model: Option<String>,
    key: Option<HeaderValue>,
    clock: SharedClock,
    /// The cached list of models, with the monotonic time at which it was read.
    listed: Mutex<Option<(Duration, Vec<String>)>>,
}

/// Requested format of the response.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AnswerShape {
    /// `verbose_json`, with segments.
    Verbose,
    /// `json`, with the text only: not every model supports `verbose_json`.
    Plain,
}

impl OpenAi {
    /// Creates an engine for the server at this base URL. It uses `model` unless the client requests a model that the
    /// server lists. The list of models is cached for one minute of `clock`.
    pub fn new(url: &str, model: Option<&str>, key: Option<&str>, clock: SharedClock) -> io::Result<Self> {
        dalston_tls::install_provider();
        // No proxy from the environment, which only `main` reads. No redirects, which would send the audio elsewhere.
        let redirects = redirect::Policy::none();
        let client = Client::builder().no_proxy().connect_timeout(CONNECT_TIMEOUT).redirect(redirects).build();
        let key = key.map(|key| HeaderValue::try_from(format!("Bearer {key}"))).transpose();
        let mut key = key.map_err(|_| io::Error::other("the key of the engine cannot stand in a header"))?;
        if let Some(key) = &mut key {
            key.set_sensitive(true);
        }
        Ok(Self {
            client: client.map_err(io::Error::other)?,
            url: url.trim_end_matches('/').to_owned(),
            model: model.map(str::to_owned),
            key,
            clock,
            listed: Mutex::default(),
        })
    }

    /// Returns the model to use: the requested one if the server lists it, else the configured one, else the requested
    /// one.
    async fn choose(&self, wanted: Option<&str>) -> String {
        let has = match wanted {
            Some(wanted) => self.models().await.iter().any(|model| model == wanted),
            None => false,
        };
        let model = wanted.filter(|_| has).or(self.model.as_deref()).or(wanted);
        model.unwrap_or(DEFAULT_MODEL).to_owned()
    }

    /// Requests a transcription and saves the response in a file.
    async fn request_transcript(&self, work: &TranscriptionTask, model: &str) -> Result<File, EngineError> {
        let response = self.send(work, model, AnswerShape::Verbose).await?;
        // Servers differ in which of the two status codes they return for an unsupported value.
        let is_refused = [StatusCode::BAD_REQUEST, StatusCode::UNPROCESSABLE_ENTITY].contains(&response.status());
        let response = if is_refused {
            tracing::debug!(event = "engine.retried_plain", model, "retrying the engine with plain JSON");
            self.send(work, model, AnswerShape::Plain).await?
        } else {
            response
        };
        // Only the client names this model: the operator cannot fix that it does not exist.
        let is_theirs = work.model.as_deref() == Some(model) && self.model.as_deref() != Some(model);
        let status = response.status();
        let accepted = accepted(response, is_theirs).await.map_err(|error| match (error, status) {
            (EngineError::Rejected(_, why), StatusCode::METHOD_NOT_ALLOWED)
            | (EngineError::Unavailable(why), StatusCode::NOT_FOUND | StatusCode::NOT_IMPLEMENTED)
                if work.options.translate =>
            {
                EngineError::Rejected(UNTRANSLATED, why)
            }
            (other, _) => other,
        });
        save(accepted?, &work.work_dir).await
    }

    async fn send(&self, work: &TranscriptionTask, model: &str, shape: AnswerShape) -> Result<Response, EngineError> {
        let task = if work.options.translate { "translations" } else { "transcriptions" };
        let mut request = self.client.post(format!("{}/audio/{task}", self.url));
        if let Some(key) = &self.key {
            request = request.header(AUTHORIZATION, key);
        }
        request.multipart(form(work, model, shape).await?).send().await.map_err(connection_error)
    }

    async fn list(&self) -> Result<Vec<String>, EngineError> {
        let mut request = self.client.get(format!("{}/models", self.url)).timeout(LIST_TIMEOUT);
        if let Some(key) = &self.key {
            request = request.header(AUTHORIZATION, key);
        }
        let mut response = accepted(request.send().await.map_err(connection_error)?, false).await?;
        let list = first(&mut response, MOST_LIST).await.map_err(connection_error)?;
        let list: ServerModels = serde_json::from_slice(&list).map_err(io::Error::from)?;
        Ok(list.data.into_iter().map(|model| model.id).take(MOST_MODELS).collect())
    }
}

#[derive(Deserialize)]
struct ServerModels {
    data: Vec<ServerModel>,
}

#[derive(Deserialize)]
struct ServerModel {
    id: String,
}

#[async_trait]
impl Engine for OpenAi {
    fn kind(&self) -> &'static str {
        "openai"
    }

    /// Returns the models as the server listed them at most a minute ago. Empty when the server lists none or is
    /// unavailable.
    async fn models(&self) -> Vec<String> {
        let mut listed = self.listed.lock().await;
        if let Some((at, models)) = &*listed
            && self.clock.monotonic().saturating_sub(*at) < MODELS_TTL
        {
            return models.clone();
        }
        let models = self.list().await.unwrap_or_else(|error| {
            tracing::debug!(event = "engine.list_models_failed", %error, "could not list the models of the engine");
            Vec::new()
        });
        *listed = Some((self.clock.monotonic(), models.clone()));
        models
    }

    async fn transcribe(
        &self,
        work: &TranscriptionTask,
        sink: &mut dyn Sink,
        mut stop: StopFlag,
    ) -> Result<Summary, EngineError> {
        let seconds = work.about.duration_seconds;
        let model = self.choose(work.model.as_deref()).await;
        let mut answer = tokio::select! {
            () = wait_for_stop(&mut stop) => return Err(EngineError::Stopped),
            answer = self.request_transcript(work, &model) => answer?,
        };
        let work_dir = work.work_dir.clone();
        let (head, found) =
            relay(sink, stop, move |relay| answer::document(&mut answer, &work_dir, seconds, relay)).await?;
        Ok(Summary {
            engine: self.kind().to_owned(),
            model: Some(model),
            language: head.language.or_else(|| work.language.clone()),
            duration: work.duration(head.duration, found.end),
            speech_duration: found.speech,
            segments: found.segments,
            words: found.words,
            note: None,
        })
    }
}

/// Builds the multipart request body.
async fn form(work: &TranscriptionTask, model: &str, shape: AnswerShape) -> Result<Form, EngineError> {
    let audio = tokio::fs::File::open(&work.audio).await?;
    let length = audio.metadata().await?.len();
    let format = AudioFormat::named(&work.about.format);
    let part = Part::stream_with_length(Body::wrap_stream(pieces(audio)), length).file_name(filename(work, format));
    let part = match format {
        Some(format) => part.mime_str(format.media_type).map_err(io::Error::other)?,
        None => part,
    };
    let mut form = Form::new().text("model", model.to_owned());
    let options = &work.options;
    if !options.translate {
        if let Some(language) = work.language.clone().filter(|language| language != "auto") {
            form = form.text("language", language);
        }
        if shape == AnswerShape::Verbose {
            form = form.text("timestamp_granularities[]", "segment");
            if options.words {
                form = form.text("timestamp_granularities[]", "word");
            }
        }
    }
    if let Some(prompt) = options.prompt.clone() {
        form = form.text("prompt", prompt);
    }
    if let Some(temperature) = options.temperature {
        form = form.text("temperature", temperature.to_string());
    }
    let shape = match shape {
        AnswerShape::Verbose => "verbose_json",
        AnswerShape::Plain => "json",
    };
    Ok(form.text("response_format", shape).part("file", part))
}

/// Returns the client's file name with the extension of the detected format: many servers detect the format by the
/// extension, and the client's may be wrong.
fn filename(work: &TranscriptionTask, format: Option<&AudioFormat>) -> String {
    let name = work.filename.as_deref().unwrap_or("audio");
    match (format, Path::new(name).file_stem()) {
        (Some(format), Some(stem)) => format!("{}.{}", stem.to_string_lossy(), format.ending),
        _ => name.to_owned(),
    }
}

/// Streams a file in chunks.
fn pieces(file: tokio::fs::File) -> impl Stream<Item = io::Result<Bytes>> {
    unfold(Some(file), |file| async move {
        let mut file = file?;
        let mut piece = BytesMut::with_capacity(CHUNK_SIZE);
        match file.read_buf(&mut piece).await {
            Ok(0) => None,
            Ok(_) => Some((Ok(piece.freeze()), Some(file))),
            Err(error) => Some((Err(error), None)),
        }
    })
}

/// Returns the response if its status is a success. A status that rejects the gateway itself (401, 403, 404) or
/// redirects is for the operator to fix, so it is a temporary failure and the job waits; but 403 and 404 are permanent
/// when they concern a model that the client chose. 408, 429 and 5xx are temporary, too.
async fn accepted(mut response: Response, is_clients_model: bool) -> Result<Response, EngineError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body = timeout(LIST_TIMEOUT, first(&mut response, MOST_REFUSAL)).await;
    let body = body.ok().and_then(Result::ok).unwrap_or_default();
    let body = String::from_utf8_lossy(&body);
    let why = format!("{status}: {}", body.escape_debug());
    let later = match status.as_u16() {
        403 | 404 => !(is_clients_model && body.to_ascii_lowercase().contains("model")),
        401 | 408 | 429 => true,
        _ => status.is_server_error() || status.is_redirection(),
    };
    Err(if later { EngineError::Unavailable(why) } else { EngineError::Rejected(REFUSED, why) })
}

/// Returns the beginning of a body, at most `most` bytes.
async fn first(response: &mut Response, most: usize) -> reqwest::Result<Vec<u8>> {
    let mut body = Vec::new();
    while body.len() < most
        && let Some(chunk) = response.chunk().await?
    {
        body.extend_from_slice(&chunk[..chunk.len().min(most - body.len())]);
    }
    Ok(body)
}

/// Saves the response body in an unnamed temporary file.
async fn save(mut response: Response, work_dir: &Path) -> Result<File, EngineError> {
    let mut file = tokio::fs::File::from_std(tempfile::tempfile_in(work_dir)?);
    let mut length = 0;
    while let Some(chunk) = response.chunk().await.map_err(connection_error)? {
        length += chunk.len() as u64;
        if length > MOST {
            return Err(EngineError::Rejected(TOO_LONG, format!("more than {MOST} bytes")));
        }
        file.write_all(&chunk).await?;
    }
    file.flush().await?;
    file.rewind().await?;
    Ok(file.into_std().await)
}

/// Maps a connection error. The text never contains the key, nor the URL, which is the operator's.
fn connection_error(error: reqwest::Error) -> EngineError {
    EngineError::Unavailable(error.without_url().to_string())
}
