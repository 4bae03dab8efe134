//! Transcripts over HTTP: as files, and within the job, streamed either way.

use crate::{Gateway, body, fault::problem};
use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::header::ContentType,
    web::{Bytes, Data, Path},
};
use dalston_actix::{Permitted, Problem};
use dalston_model::JobId;
use dalston_service::{Pieces, ServiceError, Transcript, streamed};
use serde_json::{Value, json};
use std::iter;

/// The transcript of a completed job as a file.
pub(crate) async fn download(
    request: HttpRequest,
    path: Path<(String, String)>,
    Permitted(permit): Permitted,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    body::none(&request)?;
    let (job, format) = path.into_inner();
    let jobs = &gateway.runtime.services.jobs;
    let id: JobId = job.parse().map_err(|_| problem(ServiceError::NotFound("Job")))?;
    let job = jobs.get(&permit, id).await.map_err(problem)?;
    let _ = format;
    let transcript = jobs.transcript(&permit, &job).await.map_err(problem)?;
    let pieces = transcript.json().map_err(|error| problem(error.into()))?;
    Ok(HttpResponse::Ok().content_type(ContentType::json()).streaming(Box::pin(streamed(pieces))))
}

/// A job as JSON, with its long result in the place of `result`, if it has one.
pub(crate) fn spliced(
    mut response: HttpResponseBuilder,
    job: &Value,
    long: Option<Transcript>,
) -> Result<HttpResponse, Problem> {
    let (Some(transcript), Some(members)) = (long, job.as_object()) else { return Ok(response.json(job)) };
    let result = transcript.json().map_err(|error| problem(error.into()))?;
    let mut text = [String::from("{"), String::new()];
    let mut half = 0;
    for (at, (name, value)) in members.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        text[half] += &format!("{comma}{}:", json!(name));
        if name == "result" {
            half = 1;
        } else {
            text[half] += &value.to_string();
        }
    }
    let [before, after] = text;
    let said = |text: String| iter::once(Ok(Bytes::from(text)));
    let pieces: Pieces = Box::new(said(before).chain(result).chain(said(after + "}")));
    Ok(response.content_type(ContentType::json()).streaming(Box::pin(streamed(pieces))))
}
