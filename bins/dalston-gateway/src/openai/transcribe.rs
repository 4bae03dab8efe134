//! Synchronous transcription: creates a normal job, waits for it, and returns its transcript in the requested shape.

use crate::{
    Gateway,
    fault::{crowded, problem},
    form::{Form, FormDialect},
    note::add_note_header,
    upload::{IGNORED, received},
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::HeaderName,
    rt,
    web::{Data, Payload},
};
use dalston_actix::{Problem, RequirePermit};
use dalston_auth::{IdempotentRequest, Permit, rights};
use dalston_engine::{EngineOption, UNTRANSLATED, is_refusal};
use dalston_model::ErrorCode;
use dalston_service::{ServiceError, TranscriptShape, WaitSlot, streamed};
use dalston_work::{Job, JobId, JobStatus};
use std::time::Duration;

/// Maximum time that a client waits. OpenAI's clients time out after ten minutes, so this is shorter.
const PATIENCE: Duration = Duration::from_secs(590);
/// OpenAI's clients retry unless this header says not to. A retry would create the job a second time.
const ONCE: HeaderName = HeaderName::from_static("x-should-retry");
/// The header with the id of the job behind a response.
const JOB: HeaderName = HeaderName::from_static("x-dalston-job");

/// Transcribes the file of a form.
pub(crate) async fn transcribe(
    request: HttpRequest,
    payload: Payload,
    RequirePermit(permit): RequirePermit<rights::JobsWrite>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    answer(&request, payload, permit, gateway, FormDialect::Transcription).await
}

/// Translates the file of a form into English.
pub(crate) async fn translate(
    request: HttpRequest,
    payload: Payload,
    RequirePermit(permit): RequirePermit<rights::JobsWrite>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    if !gateway.runtime.services.dispatcher.takes(EngineOption::Translation) {
        let detail = format!(
            "{UNTRANSLATED}: use /openai/v1/audio/transcriptions, or an engine that does (a command with {{task}})"
        );
        return Err(Problem::new(ErrorCode::InvalidRequest, detail));
    }
    answer(&request, payload, permit, gateway, FormDialect::Translation).await
}

async fn answer(
    request: &HttpRequest,
    payload: Payload,
    permit: Permit<rights::JobsWrite>,
    gateway: Data<Gateway>,
    dialect: FormDialect,
) -> Result<HttpResponse, Problem> {
    // Before the body is read: if no client can wait for the job, it is not created.
    let seat = gateway.runtime.services.jobs.seat(&permit).ok_or_else(crowded)?;
    let form = received(request, payload, dialect, &permit, &gateway, false).await?;
    let shape = form.shape.unwrap_or(TranscriptShape::Json);
    deliver(&gateway, permit, seat, form, shape, None).await
}

/// Creates a job from a form, waits for it, and returns its transcript.
pub(crate) async fn deliver(
    gateway: &Data<Gateway>,
    permit: Permit<rights::JobsWrite>,
    seat: WaitSlot,
    form: Form,
    shape: TranscriptShape,
    repeat: Option<IdempotentRequest>,
) -> Result<HttpResponse, Problem> {
    let jobs = &gateway.runtime.services.jobs;
    let Form { staged, upload, mut ignored, .. } = form;
    let idle = gateway.runtime.services.dispatcher.without_effect(&upload);
    ignored.extend(idle.into_iter().map(named));
    let wants_words = upload.options.words;
    let job = jobs.create(&permit, staged, upload, repeat.as_ref()).await.map_err(problem)?;
    // With an idempotency key, a retry of the upload returns this job, so it is not cancelled.
    let job_to_cancel = repeat.is_none().then_some(job.id);
    let mut waiting = WaitingClient { gateway: gateway.clone(), permit: permit.clone(), job: job_to_cancel };
    let id = job.id.to_string();
    // From here on the job exists, and a retry would create another.
    let with_job = |reason: Problem| reason.with_header(&ONCE, "false").with_header(&JOB, id.clone());
    let ended = jobs.awaited(&permit, job, seat, PATIENCE).await;
    waiting.job = None;
    let job = ended.map_err(|error| with_job(problem(error)))?;
    if let Some(reason) = refused(&job) {
        return Err(with_job(reason));
    }
    let transcript = jobs.transcript(&permit, &job).await.map_err(|error| with_job(problem(error)))?;
    let words = named("timestamps");
    if wants_words && transcript.lacks_words() && !ignored.contains(&words) {
        ignored.push(words);
    }
    let kind = match shape {
        TranscriptShape::Json | TranscriptShape::Verbose { .. } => "application/json",
        TranscriptShape::Text | TranscriptShape::Srt | TranscriptShape::Vtt => "text/plain; charset=utf-8",
        TranscriptShape::Events => "text/event-stream",
    };
    let mut response = HttpResponse::Ok();
    response.content_type(kind);
    add_note_header(&mut response, &transcript);
    if !ignored.is_empty() {
        response.insert_header((IGNORED, ignored.join(", ")));
    }
    let pieces = transcript.shaped(shape).map_err(|error| with_job(problem(error.into())))?;
    Ok(response.insert_header((JOB, id.clone())).streaming(Box::pin(streamed(pieces))))
}

/// Returns OpenAI's name of one of our fields.
fn named(field: &'static str) -> String {
    if field == "timestamps" { "timestamp_granularities" } else { field }.to_owned()
}

/// Returns the problem for a job without a transcript, or `None` if the job completed.
fn refused(job: &Job) -> Option<Problem> {
    match job.status {
        JobStatus::Completed => None,
        JobStatus::Failed => {
            let error = job.error.clone().unwrap_or_else(|| "The job failed".to_owned());
            let code = if is_refusal(&error) { ErrorCode::InvalidRequest } else { ErrorCode::Internal };
            Some(Problem::new(code, error))
        }
        JobStatus::Cancelled => Some(problem(ServiceError::Conflict("The job was cancelled".into()))),
        JobStatus::Pending | JobStatus::Running | JobStatus::Cancelling => {
            let later = format!("The job goes on: GET /v1/audio/transcriptions/{}", job.id);
            Some(Problem::new(ErrorCode::Timeout, later))
        }
    }
}

/// A client that waits for its job. Cancels the job on drop, unless the wait is over: the client has disconnected, and
/// nobody will ask for the transcript.
struct WaitingClient {
    gateway: Data<Gateway>,
    permit: Permit<rights::JobsWrite>,
    job: Option<JobId>,
}

impl Drop for WaitingClient {
    fn drop(&mut self) {
        let Some(id) = self.job.take() else { return };
        let (gateway, permit) = (self.gateway.clone(), self.permit.clone());
        rt::spawn(async move {
            // The job may have ended meanwhile.
            if let Err(error) = gateway.runtime.services.jobs.cancel(&permit, id).await {
                tracing::debug!(
                    event = "job.cancel_failed",
                    %error,
                    job = %id,
                    "could not cancel the job of a client that went away"
                );
            }
        });
    }
}
