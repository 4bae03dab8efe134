//! A transcript while the client waits: a job like any other, made, waited for, and given in the shape that is wanted.

use super::form::Asked;
use crate::{
    Gateway,
    fault::{crowded, problem},
    paced::paced,
    upload::{acceptable, at_most, most},
};
use actix_multipart::Multipart;
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::HeaderName,
    rt,
    web::{Data, Payload},
};
use dalston_actix::{Permitted, Problem};
use dalston_auth::Permit;
use dalston_engine::is_refusal;
use dalston_model::{ErrorCode, Job, JobId, JobStatus};
use dalston_service::{ServiceError, Shape, streamed};
use std::time::Duration;

/// How long a client is kept waiting. OpenAI's own wait ten minutes for an answer; this comes before.
const PATIENCE: Duration = Duration::from_secs(590);
/// OpenAI's clients try again unless they are told not to: that would make the job a second time.
const ONCE: HeaderName = HeaderName::from_static("x-should-retry");
/// The fields of the form that were passed over.
const IGNORED: HeaderName = HeaderName::from_static("x-dalston-ignored");
/// The job behind an answer.
const JOB: HeaderName = HeaderName::from_static("x-dalston-job");

/// Transcribes the file of a form.
pub(crate) async fn transcribe(
    request: HttpRequest,
    payload: Payload,
    Permitted(permit): Permitted,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    answer(&request, payload, permit, gateway, false).await
}

/// Translates the file of a form into English.
pub(crate) async fn translate(
    request: HttpRequest,
    payload: Payload,
    Permitted(permit): Permitted,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    answer(&request, payload, permit, gateway, true).await
}

async fn answer(
    request: &HttpRequest,
    payload: Payload,
    permit: Permit,
    gateway: Data<Gateway>,
    translate: bool,
) -> Result<HttpResponse, Problem> {
    let jobs = &gateway.runtime.services.jobs;
    // Before the body: a job that nobody can wait for is not made.
    let seat = jobs.seat(&permit).ok_or_else(crowded)?;
    jobs.room(&permit, acceptable(request, jobs.max_bytes())?).await.map_err(problem)?;
    let body = at_most(most(jobs.max_bytes()), paced(payload, gateway.pace));
    let multipart = Multipart::new(request.headers(), Box::pin(body));
    let Asked { staged, upload, shape, ignored } = Asked::read(multipart, translate, &permit, &gateway).await?;
    let job = jobs.create(&permit, staged, upload, None).await.map_err(problem)?;
    let mut waiting = Waiting { gateway: gateway.clone(), permit: permit.clone(), job: Some(job.id) };
    let id = job.id.to_string();
    // From here on there is a job, and another request would make another.
    let told = |refusal: Problem| refusal.with_header(ONCE, "false").with_header(JOB, id.clone());
    let ended = jobs.awaited(&permit, job, seat, PATIENCE).await;
    waiting.job = None;
    let job = ended.map_err(|error| told(problem(error)))?;
    if let Some(refusal) = refused(&job) {
        return Err(told(refusal));
    }
    let transcript = jobs.transcript(&permit, &job).await.map_err(|error| told(problem(error)))?;
    let pieces = transcript.shaped(shape).map_err(|error| told(problem(error.into())))?;
    let kind = match shape {
        Shape::Json | Shape::Verbose { .. } => "application/json",
        Shape::Text | Shape::Srt | Shape::Vtt => "text/plain; charset=utf-8",
        Shape::Events => "text/event-stream",
    };
    let mut response = HttpResponse::Ok();
    response.content_type(kind).insert_header((JOB, id));
    if !ignored.is_empty() {
        response.insert_header((IGNORED, ignored.join(", ")));
    }
    Ok(response.streaming(Box::pin(streamed(pieces))))
}

/// What a client reads of a job without a transcript.
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

/// A client that waits for its job. When it goes, nobody will ask for the transcript: the job is cancelled.
struct Waiting {
    gateway: Data<Gateway>,
    permit: Permit,
    job: Option<JobId>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let Some(id) = self.job.take() else { return };
        let (gateway, permit) = (self.gateway.clone(), self.permit.clone());
        rt::spawn(async move {
            // It may have ended meanwhile.
            if let Err(error) = gateway.runtime.services.jobs.cancel(&permit, id).await {
                tracing::debug!(%error, job = %id, "a job whose client has gone goes on");
            }
        });
    }
}
