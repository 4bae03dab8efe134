//! Uploads: streamed to disk as they arrive, never held in memory.

use crate::{
    Gateway, body,
    export::respond_with_job,
    fault::{crowded, problem},
    form::{Form, FormDialect},
    min_throughput::with_min_throughput,
    openai, repeat,
};
use actix_multipart::Multipart;
use actix_web::{
    HttpRequest, HttpResponse,
    error::PayloadError,
    http::header::{self, HeaderName},
    web::{Bytes, Data, Payload, Query},
};
use dalston_actix::{Problem, RequirePermit};
use dalston_auth::{IdempotentRequest, Permit, rights};
use dalston_model::ErrorCode;
use dalston_service::{JobResult, JobView, ServiceError, StagedUpload, Upload};
use futures_util::{Stream, StreamExt};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// Maximum of the `wait` parameter, in seconds.
const LONGEST: u64 = 60;
/// Maximum number of bytes of a form besides its file (UPL-05).
const FORM_BYTES: u64 = 256 * 1024;
/// The response header that lists the form fields without effect.
pub(crate) const IGNORED: HeaderName = HeaderName::from_static("x-dalston-ignored");

/// Creates a job from a form with one file.
pub(crate) async fn create(
    request: HttpRequest,
    payload: Payload,
    RequirePermit(permit): RequirePermit<rights::JobsWrite>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let jobs = &gateway.runtime.services.jobs;
    let patience = patience(&request)?;
    let key = repeat::key(&request)?;
    let form = received(&request, payload, FormDialect::Own, &permit, &gateway, key.is_some()).await?;
    let repeat = key.map(|key| IdempotentRequest { key, fingerprint: fingerprint(&form.staged, &form.upload) });
    if let Some(shape) = form.shape {
        let seat = jobs.seat(&permit).ok_or_else(crowded)?;
        return openai::deliver(&gateway, permit, seat, form, shape, repeat).await;
    }
    let ignored = gateway.runtime.services.dispatcher.without_effect(&form.upload);
    let job = jobs.create(&permit, form.staged, form.upload, repeat.as_ref()).await.map_err(problem)?;
    let job = jobs.ended(&permit, job, patience).await.map_err(problem)?;
    let JobResult { view: result, long } = jobs.result(&permit, &job).await;
    let view = JobView { result, ..JobView::from(&job) };
    let mut response = HttpResponse::Created();
    response.insert_header((header::LOCATION, format!("/v1/audio/transcriptions/{}", job.id)));
    if !ignored.is_empty() {
        response.insert_header((IGNORED, ignored.join(", ")));
    }
    respond_with_job(response, &json!(view), long)
}

/// Reads the form of a request and stages its file on disk. `digest`: compute the digest of the file as well.
pub(crate) async fn received(
    request: &HttpRequest,
    payload: Payload,
    dialect: FormDialect,
    permit: &Permit<rights::JobsWrite>,
    gateway: &Gateway,
    digest: bool,
) -> Result<Form, Problem> {
    let jobs = &gateway.runtime.services.jobs;
    jobs.room(permit, acceptable(request, jobs.max_bytes())?).await.map_err(problem)?;
    let body =
        at_most(most(jobs.max_bytes()), with_min_throughput(payload, gateway.pace, gateway.runtime.clock.clone()));
    let parts = Multipart::new(request.headers(), Box::pin(body));
    Form::read(parts, dialect, request, permit, gateway, digest).await
}

/// Returns how long the response may wait for the job to finish: the query parameter `wait`, in seconds.
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

/// Checks the headers before any byte of the body is read. Returns the body's length, or 0 if it is unknown.
fn acceptable(request: &HttpRequest, max_bytes: u64) -> Result<u64, Problem> {
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

/// Returns the maximum size of a request body.
const fn most(max_bytes: u64) -> u64 {
    max_bytes.saturating_add(FORM_BYTES)
}

/// Limits the body: it ends with `Overflow` once it exceeds `most` bytes.
///
/// A chunked body declares no length, and bytes between the parts of a form belong to no part, so no other limit covers
/// them.
fn at_most<S>(most: u64, body: S) -> impl Stream<Item = Result<Bytes, PayloadError>>
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

/// Returns the fingerprint of an upload for idempotency: a digest of its file and its fields.
fn fingerprint(staged: &StagedUpload, upload: &Upload) -> [u8; 32] {
    let Upload { filename: _, content_type: _, model, language, options, metadata } = upload;
    Sha256::new()
        .chain_update(staged.digest().unwrap_or_default())
        .chain_update(format!("{model:?}{language:?}{options:?}{metadata}"))
        .finalize()
        .into()
}
