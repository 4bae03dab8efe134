//! Transcripts of completed jobs, streamed piece by piece: memory use does not depend on their length.

use crate::{JobResultView, Jobs, ResultSummary, SeesJobs, ServiceError, ServiceResult, views};
use bytes::{Bytes, BytesMut};
use dalston_auth::Permit;
use dalston_engine::{Layout, Segment, SubtitleFormat, Summary, TranscriptReader, render};
use dalston_work::{Job, JobLease, JobStatus};
use futures_util::{Stream, stream::unfold};
use serde_json::{Value, json};
use std::{
    fs::File,
    io::{self, BufReader, Seek},
    iter,
};
use tokio::task::spawn_blocking;

/// Maximum size in bytes of a result that is embedded in the job, on all interfaces.
const SHORT: usize = 64 * 1024;
/// The error text for a transcript that should exist but does not.
const MISSING: &str = "The transcript is not available";
/// Minimum size in bytes of a piece that is passed to a reader, except for the last.
const PIECE: usize = 32 * 1024;

/// A transcript and its summary.
#[derive(Debug)]
pub struct Transcript {
    pub(crate) file: File,
    pub(crate) summary: Summary,
}

/// The result of a job, as interfaces return it.
#[derive(Debug)]
pub struct JobResult {
    /// The full result, or the summary if the result is too long. `None` until the job is completed.
    pub view: Option<JobResultView>,
    /// The full transcript, if it is too long to be embedded.
    pub long: Option<Transcript>,
}

/// The pieces of a text, rendered lazily. Rendering a piece blocks.
pub type RenderedPieces = Box<dyn Iterator<Item = io::Result<Bytes>> + Send>;

impl Jobs {
    /// Opens the transcript of a job. Fails with [`ServiceError::Conflict`] until the job is completed.
    pub async fn transcript<R: SeesJobs>(&self, permit: &Permit<R>, job: &Job) -> ServiceResult<Transcript> {
        let known = views::summary(job).zip(views::fence(job)).filter(|_| job.status == JobStatus::Completed);
        let Some((summary, fence)) = known else {
            return Err(ServiceError::Conflict("The job is not completed".into()));
        };
        let lease = JobLease { tenant: job.tenant.clone(), job: job.id, fence };
        match self.blobs.transcript(&lease).await {
            Ok(file) => Ok(Transcript { file, summary }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // The job was purged meanwhile, a folder is not mounted, or the file was deleted.
                self.get(permit, job.id).await?;
                tracing::error!(event = "transcript.missing", job = %job.id, "the transcript of a job is missing");
                Err(ServiceError::Unreachable(MISSING))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the result of a job.
    ///
    /// When the transcript cannot be read, it returns the summary, so that the job is still shown.
    pub async fn result<R: SeesJobs>(&self, permit: &Permit<R>, job: &Job) -> JobResult {
        if job.status != JobStatus::Completed {
            return JobResult { view: None, long: None };
        }
        self.read(permit, job).await.unwrap_or_else(|error| {
            tracing::warn!(event = "transcript.read_failed", %error, job = %job.id, "could not read a transcript");
            JobResult { view: Some(hinted(job, "The transcript cannot be read now")), long: None }
        })
    }

    async fn read<R: SeesJobs>(&self, permit: &Permit<R>, job: &Job) -> ServiceResult<JobResult> {
        let transcript = self.transcript(permit, job).await?;
        let file = transcript.file.try_clone()?;
        let (short, summary) =
            spawn_blocking(move || (short(&transcript), transcript.summary)).await.map_err(io::Error::other)?;
        if let Some(whole) = short? {
            return Ok(JobResult { view: Some(whole), long: None });
        }
        let hinted = hinted(job, "The transcript is long");
        Ok(JobResult { view: Some(hinted), long: Some(Transcript { file, summary }) })
    }
}

/// Returns the summary of a transcript, with a hint how to get the whole.
fn hinted(job: &Job, why: &str) -> JobResultView {
    let hint = format!("{why}: GET /v1/audio/transcriptions/{}/export/json", job.id);
    let summary = views::summary(job).map(ResultSummary::from);
    JobResultView { summary, hint: Some(hint), ..JobResultView::default() }
}

impl Transcript {
    /// Returns what a reader must know: that there is no text, and why.
    pub fn note(&self) -> Option<&str> {
        self.summary.note.as_deref()
    }

    /// Whether there are segments, and none of them has words with timestamps.
    pub fn lacks_words(&self) -> bool {
        self.summary.segments > 0 && self.summary.words == 0
    }

    /// Renders the transcript as subtitles or plain text.
    pub fn render(self, format: SubtitleFormat, layout: Layout) -> io::Result<RenderedPieces> {
        Ok(Box::new(render(format, layout, StoredSegments::of(&self.file)?)))
    }

    /// Renders the full result as JSON: `text`, `segments`, `words`, and the fields of the summary.
    pub fn json(self) -> io::Result<RenderedPieces> {
        // One pass over the file for each member: none of them is ever entirely in memory.
        let text = text(&self.file)?;
        let segments = pass(&self.file, |mut segment, first| {
            segment.words.clear();
            (listed(first, &json!(segment)), false)
        })?;
        let words = pass(&self.file, |segment, first| {
            let words = segment.words.iter().enumerate();
            let text: String = words.map(|(at, word)| listed(first && at == 0, &json!(word))).collect();
            (text, first && segment.words.is_empty())
        })?;
        let mut rest = json!(ResultSummary::from(self.summary)).to_string();
        rest.replace_range(..1, "],");
        let pieces = said("{\"text\":\"").chain(text);
        let pieces = pieces.chain(said("\",\"segments\":[")).chain(segments);
        let pieces = pieces.chain(said("],\"words\":[")).chain(words);
        Ok(Box::new(pieces.chain(iter::once(Ok(Bytes::from(rest))))))
    }
}

/// Renders the text, escaped for use inside the quotes of a JSON string.
pub(crate) fn text(file: &File) -> io::Result<impl Iterator<Item = io::Result<Bytes>> + Send + 'static> {
    pass(file, |segment, first| {
        let text = segment.text.trim();
        let quoted = json!(text).to_string();
        let space = if first || text.is_empty() { "" } else { " " };
        (format!("{space}{}", &quoted[1..quoted.len() - 1]), first && text.is_empty())
    })
}

/// Renders each segment of a file in one pass.
///
/// `draw` takes the segment, and whether nothing was rendered so far. It returns the text, and whether still nothing
/// was rendered.
pub(crate) fn pass(
    file: &File,
    draw: impl Fn(Segment, bool) -> (String, bool) + Send + 'static,
) -> io::Result<impl Iterator<Item = io::Result<Bytes>> + Send + 'static> {
    let mut first = true;
    Ok(StoredSegments::of(file)?.map(move |segment| {
        let (text, was_nothing) = draw(segment?, first);
        first = was_nothing;
        Ok(Bytes::from(text))
    }))
}

/// Iterates over the segments of a file, from its beginning at the first call of `next`.
///
/// All passes over a file share its position, so one pass must end before the next one begins.
enum StoredSegments {
    Before(File),
    Within(TranscriptReader<BufReader<File>>),
}

impl StoredSegments {
    fn of(file: &File) -> io::Result<Self> {
        file.try_clone().map(Self::Before)
    }

    fn open(file: &File) -> io::Result<TranscriptReader<BufReader<File>>> {
        let mut file = file.try_clone()?;
        file.rewind()?;
        Ok(TranscriptReader::new(BufReader::with_capacity(PIECE, file)))
    }
}

impl Iterator for StoredSegments {
    type Item = io::Result<Segment>;

    fn next(&mut self) -> Option<io::Result<Segment>> {
        if let Self::Before(file) = self {
            match Self::open(file) {
                Ok(reader) => *self = Self::Within(reader),
                Err(error) => return Some(Err(error)),
            }
        }
        match self {
            Self::Before(_) => None,
            Self::Within(reader) => reader.next(),
        }
    }
}

pub(crate) fn said(text: &'static str) -> impl Iterator<Item = io::Result<Bytes>> + Send {
    iter::once(Ok(Bytes::from_static(text.as_bytes())))
}

/// Renders an element of a JSON list, with the separator before it.
pub(crate) fn listed(first: bool, value: &Value) -> String {
    if first { value.to_string() } else { format!(",{value}") }
}

/// Converts the pieces to a stream. Pieces are rendered off the event loop, and no thread is blocked by a slow reader.
pub fn streamed(pieces: RenderedPieces) -> impl Stream<Item = io::Result<Bytes>> {
    unfold(Some(pieces), |pieces| async move {
        let mut pieces = pieces?;
        let made = spawn_blocking(move || {
            let piece = gather(&mut pieces);
            (pieces, piece)
        });
        match made.await {
            Ok((pieces, Ok(piece))) if !piece.is_empty() => Some((Ok(piece), Some(pieces))),
            Ok((_, Ok(_))) => None,
            Ok((_, Err(error))) => Some((Err(error), None)),
            Err(error) => Some((Err(io::Error::other(error)), None)),
        }
    })
}

/// Collects the next pieces into one.
fn gather(pieces: &mut RenderedPieces) -> io::Result<Bytes> {
    let mut gathered = BytesMut::with_capacity(PIECE);
    while gathered.len() < PIECE
        && let Some(piece) = pieces.next()
    {
        gathered.extend_from_slice(&piece?);
    }
    Ok(gathered.freeze())
}

fn short(transcript: &Transcript) -> io::Result<Option<JobResultView>> {
    let whole = Transcript { file: transcript.file.try_clone()?, summary: transcript.summary.clone() };
    let mut text = Vec::new();
    for piece in whole.json()? {
        text.extend_from_slice(&piece?);
        if text.len() > SHORT {
            return Ok(None);
        }
    }
    Ok(Some(serde_json::from_slice(&text)?))
}
