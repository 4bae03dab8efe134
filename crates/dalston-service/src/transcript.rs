//! The transcript of a completed job, read piece by piece: its length costs no memory.

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

/// A result of at most so many bytes stands in the job at every door.
const SHORT: usize = 64 * 1024;
/// What clients read of a transcript that should be there.
const MISSING: &str = "The transcript is not available";
/// What a reader is given at once, at least, unless it is the last.
const PIECE: usize = 32 * 1024;

/// A transcript, and what is said of it in short.
#[derive(Debug)]
pub struct Transcript {
    pub(crate) file: File,
    pub(crate) summary: Summary,
}

/// The result of a job, as doors give it.
#[derive(Debug)]
pub struct JobResult {
    /// The whole of it; what is said of it in short, where it is too long; nothing before the job is completed.
    pub view: Option<JobResultView>,
    /// The whole, where it is too long to stand in an answer.
    pub long: Option<Transcript>,
}

/// Pieces of a text, as they are rendered. Making one blocks.
pub type RenderedPieces = Box<dyn Iterator<Item = io::Result<Bytes>> + Send>;

impl Jobs {
    /// The transcript of a job. Before it is completed: a conflict.
    pub async fn transcript<R: SeesJobs>(&self, permit: &Permit<R>, job: &Job) -> ServiceResult<Transcript> {
        let known = views::summary(job).zip(views::fence(job)).filter(|_| job.status == JobStatus::Completed);
        let Some((summary, fence)) = known else {
            return Err(ServiceError::Conflict("The job is not completed".into()));
        };
        let lease = JobLease { tenant: job.tenant.clone(), job: job.id, fence };
        match self.blobs.transcript(&lease).await {
            Ok(file) => Ok(Transcript { file, summary }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Either the job was purged meanwhile, or a folder is not mounted, or somebody deleted the file.
                self.get(permit, job.id).await?;
                tracing::error!(event = "transcript.missing", job = %job.id, "the transcript of a job is missing");
                Err(ServiceError::Unreachable(MISSING))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The result of a job. When the transcript cannot be read, what is said of it in short: the job is shown all the
    /// same.
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

/// What is said of a transcript in short, and where the whole is.
fn hinted(job: &Job, why: &str) -> JobResultView {
    let hint = format!("{why}: GET /v1/audio/transcriptions/{}/export/json", job.id);
    let summary = views::summary(job).map(ResultSummary::from);
    JobResultView { summary, hint: Some(hint), ..JobResultView::default() }
}

impl Transcript {
    /// What a reader must know: that there is no text, and why.
    pub fn note(&self) -> Option<&str> {
        self.summary.note.as_deref()
    }

    /// Whether there are segments, and none of them has words with times.
    pub fn lacks_words(&self) -> bool {
        self.summary.segments > 0 && self.summary.words == 0
    }

    /// As subtitles or plain text.
    pub fn render(self, format: SubtitleFormat, layout: Layout) -> io::Result<RenderedPieces> {
        Ok(Box::new(render(format, layout, StoredSegments::of(&self.file)?)))
    }

    /// The whole as JSON: `text`, `segments`, `words`, and what is said of it in short.
    pub fn json(self) -> io::Result<RenderedPieces> {
        // A pass over the file for each member: none of them is ever whole in memory.
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

/// The text, as it stands within the quotes of JSON.
pub(crate) fn text(file: &File) -> io::Result<impl Iterator<Item = io::Result<Bytes>> + Send + 'static> {
    pass(file, |segment, first| {
        let text = segment.text.trim();
        let quoted = json!(text).to_string();
        let space = if first || text.is_empty() { "" } else { " " };
        (format!("{space}{}", &quoted[1..quoted.len() - 1]), first && text.is_empty())
    })
}

/// One pass over a file of segments, each of which becomes a text. What draws it is told whether it is the first with
/// anything to draw, and tells whether there was nothing.
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

/// The segments of a file, from its beginning whenever the first is asked for: all passes over a file share the place in
/// it, and one ends before the next begins.
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

/// An element of a list.
pub(crate) fn listed(first: bool, value: &Value) -> String {
    if first { value.to_string() } else { format!(",{value}") }
}

/// The pieces as a stream. Each is made off the event loop, and no thread waits for whoever reads slowly.
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

/// The next pieces as one.
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
