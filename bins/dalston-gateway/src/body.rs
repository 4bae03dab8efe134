//! Reading of JSON request bodies, with limits of size and time.

use crate::fault::problem;
use actix_web::{HttpRequest, error::PayloadError, http::header, web::Payload};
use dalston_actix::Problem;
use dalston_command::{Arguments, read_object};
use dalston_model::ErrorCode;
use dalston_service::ServiceError;
use futures_util::StreamExt;
use std::time::Duration;
use tokio::time::timeout;

/// The size limit of a JSON body, in bytes (DOS-04).
const JSON_BYTES: usize = 64 * 1024;

/// Minimum throughput of uploads, deadline of JSON bodies, and maximum rate of WebSocket frames.
///
/// Uploads have a minimum throughput in place of a deadline: their length says nothing about their time.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// The interval in which the progress of an upload is checked.
    pub window: Duration,
    /// Minimum number of bytes in each window.
    pub bytes_per_window: u64,
    /// The time after which the average throughput is checked as well.
    pub grace: Duration,
    /// Minimum average throughput after `grace`, in bytes per second. Bytes received before then count as well.
    pub bytes_per_second: u64,
    /// The time within which a JSON body must arrive completely.
    pub json: Duration,
    /// The span in which a WebSocket client may send 1,000 frames.
    pub frames: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(10),
            bytes_per_window: 10 * 1024,
            grace: Duration::from_secs(30),
            bytes_per_second: 64 * 1024,
            json: Duration::from_secs(10),
            frames: Duration::from_secs(1),
        }
    }
}

/// Reads a JSON object from the body. An empty body is an empty object.
pub(crate) async fn read(request: &HttpRequest, payload: Payload, pace: Pace) -> Result<Arguments, Problem> {
    plain(request)?;
    let body = require_json(request, bytes(payload, pace, JSON_BYTES).await?)?;
    if body.is_empty() { Ok(Arguments::new()) } else { read_object(&body).map_err(problem) }
}

/// Reads a JSON body of at most `longest` bytes.
///
/// A body above [`JSON_BYTES`] needs a slot, which `take` returns and the caller holds as long as the body. This bounds
/// the memory of all large bodies. If no slot is free, the request is refused as unavailable.
pub(crate) async fn large_json<P>(
    request: &HttpRequest,
    payload: Payload,
    pace: Pace,
    longest: usize,
    take: impl FnOnce() -> Option<P>,
) -> Result<(Vec<u8>, Option<P>), Problem> {
    plain(request)?;
    let read = async {
        let (mut payload, mut body) = (payload, Vec::new());
        if !fill(&mut body, &mut payload, JSON_BYTES).await? {
            return Ok((body, None));
        }
        let held = take().ok_or_else(crowded)?;
        body.reserve_exact(longest.saturating_sub(body.len()));
        if body.len() > longest || fill(&mut body, &mut payload, longest).await? {
            return Err(too_large(longest));
        }
        Ok((body, Some(held)))
    };
    let (body, held) = timeout(pace.json, read).await.map_err(|_| late())??;
    Ok((require_json(request, body)?, held))
}

/// Returns the body, unless its `Content-Type` is something other than JSON in UTF-8.
fn require_json(request: &HttpRequest, body: Vec<u8>) -> Result<Vec<u8>, Problem> {
    if body.is_empty() || (has_media_type(request, "application/json") && is_utf8(request)) {
        Ok(body)
    } else {
        Err(Problem::new(ErrorCode::UnsupportedMedia, "Send a body of Content-Type application/json"))
    }
}

/// Reads a body of at most `longest` bytes, within the deadline for JSON.
pub(crate) async fn bytes(mut payload: Payload, pace: Pace, longest: usize) -> Result<Vec<u8>, Problem> {
    let mut body = Vec::new();
    // The deadline uses the clock of the event loop, and not that of the runtime.
    let is_over = timeout(pace.json, fill(&mut body, &mut payload, longest)).await.map_err(|_| late())??;
    if is_over { Err(too_large(longest)) } else { Ok(body) }
}

/// Reads to the end of the body. Stops early and returns `true` if it is longer than `longest` bytes.
async fn fill(body: &mut Vec<u8>, payload: &mut Payload, longest: usize) -> Result<bool, Problem> {
    while let Some(chunk) = payload.next().await {
        body.extend_from_slice(&chunk.map_err(|error| unread(&error))?);
        if body.len() > longest {
            return Ok(true);
        }
    }
    Ok(false)
}

fn too_large(longest: usize) -> Problem {
    Problem::new(ErrorCode::TooLarge, format!("The body is larger than {longest} bytes"))
}

fn crowded() -> Problem {
    Problem::new(ErrorCode::Unavailable, "Too many large bodies are being read on this node")
}

/// Refuses a body on GET and DELETE: its arguments would be silently ignored.
pub(crate) fn none(request: &HttpRequest) -> Result<(), Problem> {
    let headers = request.headers();
    let empty = headers.get(header::CONTENT_LENGTH).is_none_or(|length| length.as_bytes() == b"0");
    if empty && !headers.contains_key(header::TRANSFER_ENCODING) {
        Ok(())
    } else {
        Err(Problem::malformed("This route takes its arguments in the query, not in a body"))
    }
}

/// Refuses encoded bodies: a compressed body could exceed the limits when it is decompressed (DOS-03).
pub(crate) fn plain(request: &HttpRequest) -> Result<(), Problem> {
    match request.headers().get(header::CONTENT_ENCODING) {
        Some(encoding) if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") => {
            Err(Problem::new(ErrorCode::UnsupportedMedia, "An encoded body is not taken"))
        }
        _ => Ok(()),
    }
}

/// Whether `Content-Type` names this media type, whatever its parameters.
pub(crate) fn has_media_type(request: &HttpRequest, wanted: &str) -> bool {
    content_type(request).split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted)
}

/// Whether `Content-Type` names no charset other than UTF-8. JSON has no such parameter (RFC 8259 §8.1), but many
/// clients send it.
fn is_utf8(request: &HttpRequest) -> bool {
    content_type(request).split(';').skip(1).filter_map(|parameter| parameter.split_once('=')).all(|(name, value)| {
        let value = value.trim().trim_matches('"');
        !name.trim().eq_ignore_ascii_case("charset")
            || ["utf-8", "utf8"].iter().any(|it| value.eq_ignore_ascii_case(it))
    })
}

fn content_type(request: &HttpRequest) -> &str {
    request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Returns the problem for a body that could not be read.
pub(crate) fn unread(error: &PayloadError) -> Problem {
    match error {
        PayloadError::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => late(),
        PayloadError::Overflow => problem(ServiceError::TooLarge),
        _ => Problem::malformed("The body could not be read"),
    }
}

fn late() -> Problem {
    Problem::new(ErrorCode::Timeout, "The body did not arrive in time")
}
