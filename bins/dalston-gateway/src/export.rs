//! Transcripts over HTTP, as files or within the job. Both are streamed.

use crate::{Gateway, body, fault::problem, note::add_note_header};
use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::header::{Charset, ContentDisposition, ContentType, DispositionParam, DispositionType, ExtendedValue},
    web::{Bytes, Data, Path, Query},
};
use dalston_actix::{Problem, RequirePermit};
use dalston_auth::rights;
use dalston_command::unknown_field;
use dalston_engine::{Layout, SubtitleFormat};
use dalston_service::{RenderedPieces, ServiceError, Transcript, streamed};
use dalston_work::JobId;
use serde_json::{Value, json};
use std::{iter, num::NonZeroUsize, ops::RangeInclusive};

/// Allowed characters per line, and lines per subtitle.
const LINE_LENGTH: RangeInclusive<usize> = 10..=200;
const LINES: RangeInclusive<usize> = 1..=10;

/// An export format.
#[derive(Clone, Copy)]
enum Export {
    /// The result as JSON.
    Json,
    /// A text format.
    Text(SubtitleFormat),
}

impl Export {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "json" => Some(Self::Json),
            "srt" => Some(Self::Text(SubtitleFormat::Srt)),
            "vtt" => Some(Self::Text(SubtitleFormat::Vtt)),
            "txt" => Some(Self::Text(SubtitleFormat::Txt)),
            _ => None,
        }
    }

    const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Text(SubtitleFormat::Srt) => "application/x-subrip; charset=utf-8",
            Self::Text(SubtitleFormat::Vtt) => "text/vtt; charset=utf-8",
            Self::Text(SubtitleFormat::Txt) => "text/plain; charset=utf-8",
        }
    }

    fn pieces(self, transcript: Transcript, query: &str) -> Result<RenderedPieces, Problem> {
        let wanted = wanted(query)?;
        let pieces = match self {
            Self::Json if wanted != (None, None) => {
                return Err(problem(ServiceError::Malformed(
                    "JSON has no lines: leave max_line_length and max_lines out",
                )));
            }
            Self::Json => transcript.json(),
            Self::Text(format) => {
                let usual = format.layout();
                let layout = Layout {
                    line_length: wanted.0.unwrap_or(usual.line_length),
                    lines: wanted.1.unwrap_or(usual.lines),
                };
                transcript.render(format, layout)
            }
        };
        pieces.map_err(|error| problem(error.into()))
    }
}

/// Returns the transcript of a completed job as a file.
pub(crate) async fn download(
    request: HttpRequest,
    path: Path<(String, String)>,
    RequirePermit(permit): RequirePermit<rights::JobsRead>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    body::none(&request)?;
    let (id, extension) = path.into_inner();
    let jobs = &gateway.runtime.services.jobs;
    let id: JobId = id.parse().map_err(|_| problem(ServiceError::NotFound("Job")))?;
    let job = jobs.get(&permit, id).await.map_err(problem)?;
    let export = Export::parse(&extension).ok_or_else(|| problem(ServiceError::NotFound("Format")))?;
    let transcript = jobs.transcript(&permit, &job).await.map_err(problem)?;
    let mut response = HttpResponse::Ok();
    add_note_header(&mut response, &transcript);
    let pieces = export.pieces(transcript, request.query_string())?;
    let stem = job.filename.as_ref().and_then(|name| std::path::Path::new(name.as_str()).file_stem()?.to_str());
    let name = format!("{}.{extension}", stem.map_or_else(|| id.to_string(), str::to_owned));
    let disposition = ContentDisposition { disposition: DispositionType::Attachment, parameters: named(name) };
    Ok(response.content_type(export.media_type()).insert_header(disposition).streaming(Box::pin(streamed(pieces))))
}

/// Returns the parameters of a file name. A name beyond ASCII is sent in an encoded form too (RFC 6266 §4.3).
fn named(name: String) -> Vec<DispositionParam> {
    if name.is_ascii() {
        return vec![DispositionParam::Filename(name)];
    }
    let plain = name.chars().map(|it| if it.is_ascii() { it } else { '_' }).collect();
    let value = name.into_bytes();
    let spelt = ExtendedValue { charset: Charset::Ext("UTF-8".to_owned()), language_tag: None, value };
    vec![DispositionParam::Filename(plain), DispositionParam::FilenameExt(spelt)]
}

/// Parses the layout in the query: characters per line, and lines per subtitle.
fn wanted(query: &str) -> Result<(Option<NonZeroUsize>, Option<NonZeroUsize>), Problem> {
    let pairs = Query::<Vec<(String, String)>>::from_query(query)
        .map_err(|_| Problem::malformed("The query is not well-formed"))?;
    let mut wanted = (None, None);
    for (name, text) in pairs.into_inner() {
        let (place, range) = match name.as_str() {
            "max_line_length" => (&mut wanted.0, LINE_LENGTH),
            "max_lines" => (&mut wanted.1, LINES),
            // `api_key` is a credential, and no argument.
            "api_key" => continue,
            other => return Err(problem(ServiceError::Invalid(vec![unknown_field(other)]))),
        };
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse::<NonZeroUsize>().ok().filter(|number| plain && range.contains(&number.get()));
        let number = number.filter(|_| place.is_none()).ok_or_else(|| {
            let detail = format!("must be a number from {} to {}, once", range.start(), range.end());
            problem(ServiceError::invalid(name, detail))
        })?;
        *place = Some(number);
    }
    Ok(wanted)
}

/// Returns a job as JSON. If it has a long result, that is streamed in place of the member `result`.
pub(crate) fn respond_with_job(
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
        text[half].extend([comma, &json!(name).to_string(), ":"]);
        if name == "result" {
            half = 1;
        } else {
            text[half] += &value.to_string();
        }
    }
    let [before, after] = text;
    let said = |text: String| iter::once(Ok(Bytes::from(text)));
    let pieces: RenderedPieces = Box::new(said(before).chain(result).chain(said(after + "}")));
    Ok(response.content_type(ContentType::json()).streaming(Box::pin(streamed(pieces))))
}
