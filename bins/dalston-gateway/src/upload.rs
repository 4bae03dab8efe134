//! An upload: streamed to the disk as it arrives, never held in memory.

use crate::{Gateway, body, export::spliced, fault::problem, paced::paced, repeat};
use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::{
    HttpRequest, HttpResponse,
    error::PayloadError,
    http::header::{self, Charset, ContentDisposition, ExtendedValue},
    web::{Bytes, Data, Payload, Query},
};
use dalston_actix::{Permitted, Problem};
use dalston_auth::Permit;
use dalston_command::shown_name;
use dalston_model::{ErrorCode, FileName, Metadata};
use dalston_service::{FieldError, JobResult, Repeat, ServiceError, Staged, Upload, job_view};
use futures_util::{Stream, StreamExt};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// Bytes of a text part at most.
const TEXT_BYTES: usize = 4096;
/// Characters of `model` and `language` at most.
const WORD: usize = 64;
/// What they must be.
const MODEL: &str = "must be 1 to 64 letters, digits and . _ : / -, a letter or a digit first, without ..";
const LANGUAGE: &str = "must be auto or the tag of a language: en, de-CH, zh_Hans";
/// How long an answer may wait, in seconds.
const LONGEST: u64 = 60;
/// What a form weighs beside its file, at most (UPL-05).
const FORM_BYTES: u64 = 256 * 1024;

/// Makes a job of the one file of a form.
pub(crate) async fn create(
    request: HttpRequest,
    payload: Payload,
    Permitted(permit): Permitted,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let jobs = &gateway.runtime.services.jobs;
    let announced = acceptable(&request, jobs.max_bytes())?;
    let patience = patience(&request)?;
    let key = repeat::key(&request)?;
    jobs.room(&permit, announced).await.map_err(problem)?;
    let body = at_most(most(jobs.max_bytes()), paced(payload, gateway.pace));
    let multipart = Multipart::new(request.headers(), Box::pin(body));
    let form = Form::read(multipart, &permit, &gateway, key.is_some()).await?;
    let staged = form.staged.ok_or_else(|| problem(ServiceError::invalid("file", "is required")))?;
    let repeat = key.map(|key| Repeat { key, fingerprint: fingerprint(&staged, &form.upload) });
    let job = jobs.create(&permit, staged, form.upload, repeat.as_ref()).await.map_err(problem)?;
    let job = jobs.ended(&permit, job, patience).await.map_err(problem)?;
    let JobResult { value, long } = jobs.result(&permit, &job).await;
    let mut view = job_view(&job);
    view["result"] = value;
    let mut response = HttpResponse::Created();
    response.insert_header((header::LOCATION, format!("/v1/audio/transcriptions/{}", job.id)));
    spliced(response, &view, long)
}

/// How long the answer may wait for the job to end: `wait` of the query, in seconds.
fn patience(request: &HttpRequest) -> Result<Duration, Problem> {
    let pairs = Query::<Vec<(String, String)>>::from_query(request.query_string())
        .map_err(|_| Problem::malformed("The query is not well-formed"))?;
    let mut waits = pairs.iter().filter(|(name, _)| name == "wait");
    let Some((_, text)) = waits.next() else { return Ok(Duration::ZERO) };
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = text.parse().ok().filter(|seconds| plain && *seconds <= LONGEST && waits.next().is_none());
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| problem(ServiceError::invalid("wait", "must be seconds from 0 to 60")))
}

/// What the headers tell before a byte of the body is read: its length, where they do.
pub(crate) fn acceptable(request: &HttpRequest, max_bytes: u64) -> Result<u64, Problem> {
    body::plain(request)?;
    if !body::has_media_type(request, "multipart/form-data") {
        return Err(Problem::new(ErrorCode::UnsupportedMedia, "Send a body of Content-Type multipart/form-data"));
    }
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    match length.unwrap_or_default() {
        length if length > most(max_bytes) => Err(problem(ServiceError::TooLarge)),
        length => Ok(length),
    }
}

/// What the body may weigh.
pub(crate) const fn most(max_bytes: u64) -> u64 {
    max_bytes.saturating_add(FORM_BYTES)
}

/// The body, which ends with `Overflow` when it has more bytes: a chunked one has no length, and what stands between
/// the parts of a form is in none of them.
pub(crate) fn at_most<S>(most: u64, body: S) -> impl Stream<Item = Result<Bytes, PayloadError>>
where
    S: Stream<Item = Result<Bytes, PayloadError>>,
{
    let mut left = most;
    body.map(move |piece| {
        let piece = piece?;
        left = left.checked_sub(piece.len() as u64).ok_or(PayloadError::Overflow)?;
        Ok(piece)
    })
}

/// A form, read part by part: each of its few names once, so it has no more parts (UPL-05).
#[derive(Default)]
pub(crate) struct Form {
    pub(crate) staged: Option<Staged>,
    pub(crate) upload: Upload,
    seen: Vec<String>,
}

impl Form {
    async fn read(mut parts: Multipart, permit: &Permit, gateway: &Gateway, digest: bool) -> Result<Self, Problem> {
        let mut form = Self::default();
        while let Some(field) = parts.next().await {
            let mut field = field.map_err(unread)?;
            let name = field.name().unwrap_or_default().to_owned();
            if form.seen.contains(&name) {
                return Err(problem(ServiceError::invalid(name, "must be given once")));
            }
            match name.as_str() {
                "file" => form.take_file(&mut field, permit, gateway, digest).await?,
                "model" | "language" | "prompt" | "temperature" => form.take_text(&name, &text(&mut field).await?)?,
                "timestamps" => form.upload.options.words = timestamps(&text(&mut field).await?)?,
                "metadata" => form.upload.metadata = metadata(&text(&mut field).await?)?,
                _ => return Err(unknown(&name)),
            }
            form.seen.push(name);
        }
        Ok(form)
    }

    /// Takes a field that engines know.
    pub(crate) fn take_text(&mut self, name: &str, text: &str) -> Result<(), Problem> {
        match name {
            "model" => self.upload.model = word(name, text, is_model, MODEL)?,
            "language" => self.upload.language = word(name, text, is_language, LANGUAGE)?,
            "prompt" => self.upload.options.prompt = prompt(text)?,
            "temperature" => self.upload.options.temperature = Some(temperature(text)?),
            _ => return Err(unknown(name)),
        }
        Ok(())
    }

    /// Takes the file.
    pub(crate) async fn take_file(
        &mut self,
        field: &mut Field,
        permit: &Permit,
        gateway: &Gateway,
        digest: bool,
    ) -> Result<(), Problem> {
        self.upload.filename = field.content_disposition().and_then(file_name);
        self.upload.content_type = field.content_type().map(|kind| kind.essence_str().chars().take(255).collect());
        let mut staged = gateway.runtime.services.jobs.stage(permit, digest).await.map_err(problem)?;
        while let Some(chunk) = field.next().await {
            staged.write(&chunk.map_err(unread)?).await.map_err(problem)?;
        }
        self.staged = Some(staged);
        Ok(())
    }
}

/// What the client calls its file. Forms have no `filename*` (RFC 7578 §4.2), but clients send it.
fn file_name(part: &ContentDisposition) -> Option<FileName> {
    if let Some(plain) = part.get_filename() {
        return FileName::clean(plain);
    }
    let ExtendedValue { charset, value, .. } = part.get_filename_ext()?;
    let text = match charset {
        // RFC 8187 §3.2.1 wants these two of its readers.
        Charset::Iso_8859_1 => value.iter().copied().map(char::from).collect(),
        Charset::Ext(name) if name.eq_ignore_ascii_case("UTF-8") => str::from_utf8(value).ok()?.to_owned(),
        _ => return None,
    };
    FileName::clean(&text)
}

/// The text of a part.
pub(crate) async fn text(field: &mut Field) -> Result<String, Problem> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.next().await {
        bytes.extend_from_slice(&chunk.map_err(unread)?);
        if bytes.len() > TEXT_BYTES {
            return Err(Problem::new(ErrorCode::TooLarge, "A text part is larger than 4096 bytes"));
        }
    }
    String::from_utf8(bytes).map_err(|_| Problem::malformed("A text part is not UTF-8"))
}

/// A short text of a form; `None` when it is empty.
fn word(name: &str, text: &str, is_fit: fn(&str) -> bool, wanted: &'static str) -> Result<Option<String>, Problem> {
    let word = text.trim();
    if word.is_empty() {
        return Ok(None);
    }
    if word.len() > WORD || !is_fit(word) {
        return Err(problem(ServiceError::invalid(name, wanted)));
    }
    Ok(Some(word.to_owned()))
}

/// The name of a model: safe as an argument of a program, and as a part of a path.
fn is_model(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_alphanumeric())
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:/-".contains(&byte))
        && !word.contains("..")
}

/// A tag of a language with its parts, or `auto`.
fn is_language(word: &str) -> bool {
    let mut parts = word.split(['-', '_']);
    let first = parts.next().unwrap_or_default();
    let is_tag = matches!(first.len(), 2 | 3) && first.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    word == "auto" || is_tag && parts.all(is_part)
}

/// Words that the audio may hold, with the lines and tabs of whatever system; `None` when there are none.
fn prompt(text: &str) -> Result<Option<String>, Problem> {
    let text = text.replace("\r\n", "\n");
    if text.chars().any(|it| it.is_control() && !matches!(it, '\n' | '\t')) {
        return Err(problem(ServiceError::invalid("prompt", "must be at most 4096 bytes without control characters")));
    }
    Ok(Some(text).filter(|text| !text.trim().is_empty()))
}

fn temperature(text: &str) -> Result<f64, Problem> {
    let number = text.parse().ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| problem(ServiceError::invalid("temperature", "must be a number from 0 to 1")))
}

/// Whether times of words are wanted beside those of segments.
fn timestamps(text: &str) -> Result<bool, Problem> {
    match text {
        "segment" => Ok(false),
        "word" => Ok(true),
        _ => Err(problem(ServiceError::invalid("timestamps", "must be segment or word"))),
    }
}

fn metadata(text: &str) -> Result<Metadata, Problem> {
    let object = dalston_command::read_object(text.as_bytes());
    let metadata = object.ok().and_then(|object| Metadata::new(object).ok());
    metadata.ok_or_else(|| problem(ServiceError::invalid("metadata", "must be a JSON object of at most 4096 bytes")))
}

pub(crate) fn unknown(name: &str) -> Problem {
    problem(ServiceError::Invalid(vec![FieldError::new(shown_name(name), "is not a field of this form")]))
}

/// Why a form could not be read on.
pub(crate) fn unread(error: MultipartError) -> Problem {
    match error {
        MultipartError::Payload(error) => body::unread(&error),
        _ => Problem::malformed("The form is not well-formed, or ends too soon"),
    }
}

/// What tells one upload from another: the file and the fields.
fn fingerprint(staged: &Staged, upload: &Upload) -> [u8; 32] {
    let Upload { filename: _, content_type: _, model, language, options, metadata } = upload;
    Sha256::new()
        .chain_update(staged.digest().unwrap_or_default())
        .chain_update(format!("{model:?}{language:?}{options:?}{metadata}"))
        .finalize()
        .into()
}
