//! The upload form: our own, or OpenAI's as its clients and those of similar servers send it.
//!
//! In both, an empty field counts as absent. In OpenAI's, lists may be spelled in several ways, and unknown fields are
//! ignored and reported.

use crate::{Gateway, body, fault::problem, fields, openai};
use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::HttpRequest;
use dalston_actix::Problem;
use dalston_auth::{FieldError, Permit, rights};
use dalston_command::shown_name;
use dalston_model::ErrorCode;
use dalston_service::{ServiceError, StagedUpload, TranscriptShape, Upload};
use futures_util::StreamExt;

/// Maximum number of parts in a form. A list has a part for each of its elements.
const PARTS: usize = 1_000;
/// Maximum number of ignored fields that are reported.
const NAMED: usize = 16;
/// Maximum number of bytes in a text part. Of an OpenAI prompt, the last ones are used.
const TEXT_BYTES: usize = 4096;

/// The dialect of a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FormDialect {
    /// Our own. With a `response_format` it is also OpenAI's, for a transcription.
    Own,
    /// OpenAI's, for a transcription.
    Transcription,
    /// OpenAI's, for a translation.
    Translation,
}

/// A parsed form.
pub(crate) struct Form {
    pub(crate) staged: StagedUpload,
    pub(crate) upload: Upload,
    /// The shape of the transcript, one of OpenAI's. `None`: the response is the job.
    pub(crate) shape: Option<TranscriptShape>,
    /// Names of the fields that were ignored.
    pub(crate) ignored: Vec<String>,
}

/// A form that is still being read.
#[derive(Default)]
struct PartialForm {
    staged: Option<StagedUpload>,
    upload: Upload,
    seen: Vec<String>,
    ignored: Vec<String>,
    /// The first field that our own form does not have, with the error to report in that case.
    foreign: Option<FieldError>,
    format: Option<String>,
    segments: bool,
    words: bool,
    stream: bool,
}

/// Fields that must not be repeated: of two values it would be unclear which counts.
const ONCE: [&str; 9] =
    ["file", "model", "language", "prompt", "temperature", "response_format", "stream", "timestamps", "metadata"];

/// OpenAI fields that are accepted without effect: the engine decides how audio is split and what else is reported.
const WITHOUT_EFFECT: [&str; 6] =
    ["chunking_strategy", "include", "keywords", "known_speaker_names", "known_speaker_references", "languages"];

/// How a field is handled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FieldFate {
    /// The value is used.
    Taken,
    /// The value is ignored silently, as the client expects.
    Idle,
    /// The value is ignored, and the field is reported.
    Unknown,
}

impl FormDialect {
    fn fate(self, name: &str) -> FieldFate {
        match name {
            "model" | "prompt" | "temperature" | "response_format" => FieldFate::Taken,
            "language" | "timestamp_granularities" | "stream" if self != Self::Translation => FieldFate::Taken,
            "timestamps" | "metadata" if self == Self::Own => FieldFate::Taken,
            _ if WITHOUT_EFFECT.contains(&name) && self != Self::Translation => FieldFate::Idle,
            _ => FieldFate::Unknown,
        }
    }
}

impl Form {
    /// Reads a form part by part. `digest`: compute the SHA-256 of the file.
    pub(crate) async fn read(
        mut parts: Multipart,
        dialect: FormDialect,
        request: &HttpRequest,
        permit: &Permit<rights::JobsWrite>,
        gateway: &Gateway,
        digest: bool,
    ) -> Result<Self, Problem> {
        let (mut form, mut count) = (PartialForm::default(), 0);
        while let Some(field) = parts.next().await {
            let mut field = field.map_err(unread)?;
            count += 1;
            if count > PARTS {
                return Err(Problem::malformed("The form has more than 1000 parts"));
            }
            let given = field.name().unwrap_or_default().to_owned();
            // A field name may carry an index: `include[]`, `timestamp_granularities[0]`, `chunking_strategy[type]`.
            let name = given.split('[').next().unwrap_or_default();
            if let Some(once) = ONCE.into_iter().find(|once| *once == name) {
                if form.seen.iter().any(|seen| seen == once) {
                    return Err(problem(ServiceError::invalid(name, "must be given once")));
                }
                form.seen.push(once.to_owned());
            }
            if name == "file" {
                form.take_file(&mut field, permit, gateway, digest).await?;
                continue;
            }
            let fate = dialect.fate(name);
            if !is_own(name) {
                form.note_foreign(name, fate);
            }
            match fate {
                FieldFate::Taken => form.take(name, dialect, &mut field).await?,
                FieldFate::Idle => pass_over(&mut field).await?,
                FieldFate::Unknown => {
                    pass_over(&mut field).await?;
                    form.ignore(name);
                }
            }
            if form.format.is_some() {
                openai::speak(request);
            }
        }
        form.finish(dialect)
    }
}

/// Whether our own form has this field, including `response_format`, which makes it a form of OpenAI's.
fn is_own(name: &str) -> bool {
    FormDialect::Own.fate(name) == FieldFate::Taken && !matches!(name, "timestamp_granularities" | "stream")
}

impl PartialForm {
    async fn take_file(
        &mut self,
        field: &mut Field,
        permit: &Permit<rights::JobsWrite>,
        gateway: &Gateway,
        digest: bool,
    ) -> Result<(), Problem> {
        self.upload.filename = field.content_disposition().and_then(fields::file_name);
        self.upload.content_type = field.content_type().map(|kind| kind.essence_str().chars().take(255).collect());
        let mut staged = gateway.runtime.services.jobs.stage(permit, digest).await.map_err(problem)?;
        while let Some(chunk) = field.next().await {
            staged.write(&chunk.map_err(unread)?).await.map_err(problem)?;
        }
        self.staged = Some(staged);
        Ok(())
    }

    /// Reads a known field.
    async fn take(&mut self, name: &str, dialect: FormDialect, field: &mut Field) -> Result<(), Problem> {
        let text =
            if name == "prompt" && dialect != FormDialect::Own { end(field).await? } else { text(field).await? };
        // Clients without a null value for forms are advised by their makers to send the word "null".
        let is_null = dialect != FormDialect::Own && name != "prompt" && text.trim() == "null";
        if text.trim().is_empty() || is_null {
            return Ok(());
        }
        match name {
            "response_format" => self.format = Some(text.trim().to_owned()),
            "timestamp_granularities" => self.granularities(text.trim())?,
            "stream" => self.stream = is_true(text.trim())?,
            "prompt" => fields::take(&mut self.upload, name, &text)?,
            _ => fields::take(&mut self.upload, name, text.trim())?,
        }
        Ok(())
    }

    /// Parses one granularity, several separated by commas, or a JSON list.
    fn granularities(&mut self, text: &str) -> Result<(), Problem> {
        let plain = |sign: char| !matches!(sign, '[' | ']' | '"' | '\'' | ' ');
        let words: String = text.chars().filter(|sign| plain(*sign)).collect();
        for word in words.split(',').filter(|word| !word.is_empty()) {
            match word {
                "segment" => self.segments = true,
                "word" => self.words = true,
                _ => {
                    let wanted = "must be segment or word";
                    return Err(problem(ServiceError::invalid("timestamp_granularities[]", wanted)));
                }
            }
        }
        Ok(())
    }

    /// Records the name of an ignored field.
    fn ignore(&mut self, name: &str) {
        let name = shown(name);
        if self.ignored.len() < NAMED && !self.ignored.iter().any(|known| known == name) {
            self.ignored.push(name.to_owned());
        }
    }

    /// Records the first field that our own form does not have. Only at the end of the form its dialect is known.
    fn note_foreign(&mut self, name: &str, fate: FieldFate) {
        let detail = match fate {
            FieldFate::Unknown => "is not a field of this form",
            _ => "is a field of OpenAI's form: give response_format too, or use /openai/v1",
        };
        self.foreign.get_or_insert_with(|| FieldError::new(shown(name), detail));
    }

    fn finish(mut self, dialect: FormDialect) -> Result<Form, Problem> {
        let shape = match (&self.format, dialect) {
            (None, FormDialect::Own) => {
                if let Some(foreign) = self.foreign.take() {
                    return Err(problem(ServiceError::Invalid(vec![foreign])));
                }
                None
            }
            _ => Some(self.shape(dialect == FormDialect::Translation)?),
        };
        let Self { staged, mut upload, ignored, words, .. } = self;
        upload.options.words |= words;
        upload.options.translate = dialect == FormDialect::Translation;
        let staged = staged.ok_or_else(|| problem(ServiceError::invalid("file", "is required")))?;
        Ok(Form { staged, upload, shape, ignored })
    }

    /// Returns the transcript shape that OpenAI's form asks for.
    fn shape(&self, translated: bool) -> Result<TranscriptShape, Problem> {
        let words = self.words || self.upload.options.words;
        Ok(match self.format.as_deref().unwrap_or("json") {
            "verbose_json" => TranscriptShape::Verbose { segments: self.segments || !words, words, translated },
            // As OpenAI does: a request for segment times is ignored here, one for word times is refused.
            "json" | "text" | "srt" | "vtt" if self.words => {
                let wanted = "word wants the response_format verbose_json";
                return Err(problem(ServiceError::invalid("timestamp_granularities[]", wanted)));
            }
            // The other formats cannot be streamed, so `stream` has no effect on them.
            "json" | "text" if self.stream => TranscriptShape::Events,
            "json" => TranscriptShape::Json,
            "text" => TranscriptShape::Text,
            "srt" => TranscriptShape::Srt,
            "vtt" => TranscriptShape::Vtt,
            _ => {
                let wanted = "must be json, text, srt, verbose_json or vtt: engines tell no speakers";
                return Err(problem(ServiceError::invalid("response_format", wanted)));
            }
        })
    }
}

/// Returns the name of a field in a form that can be shown.
fn shown(name: &str) -> &str {
    if name.is_empty() { "(unreadable name)" } else { shown_name(name) }
}

fn is_true(text: &str) -> Result<bool, Problem> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" => Ok(true),
        "false" | "0" | "no" => Ok(false),
        _ => Err(problem(ServiceError::invalid("stream", "must be true or false"))),
    }
}

/// Reads a part as text.
async fn text(field: &mut Field) -> Result<String, Problem> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.next().await {
        bytes.extend_from_slice(&chunk.map_err(unread)?);
        if bytes.len() > TEXT_BYTES {
            return Err(Problem::new(ErrorCode::TooLarge, "A text part is larger than 4096 bytes"));
        }
    }
    utf8(bytes)
}

/// Reads the end of a text part: Whisper uses the last 224 tokens of a prompt, however long it is.
async fn end(field: &mut Field) -> Result<String, Problem> {
    let (mut bytes, mut is_cut) = (Vec::new(), false);
    while let Some(chunk) = field.next().await {
        bytes.extend_from_slice(&chunk.map_err(unread)?);
        if let Some(surplus) = bytes.len().checked_sub(TEXT_BYTES).filter(|surplus| *surplus > 0) {
            bytes.drain(..surplus);
            is_cut = true;
        }
    }
    if is_cut {
        // Drop the rest of a character that was cut.
        let rest = bytes.iter().take_while(|byte| **byte & 0xc0 == 0x80).count();
        bytes.drain(..rest);
    }
    utf8(bytes)
}

fn utf8(bytes: Vec<u8>) -> Result<String, Problem> {
    String::from_utf8(bytes).map_err(|_| Problem::malformed("A text part is not UTF-8"))
}

/// Skips a part of any length: the body as a whole is limited.
async fn pass_over(field: &mut Field) -> Result<(), Problem> {
    while let Some(chunk) = field.next().await {
        chunk.map_err(unread)?;
    }
    Ok(())
}

/// Returns the problem for a form that could not be read.
pub(crate) fn unread(error: MultipartError) -> Problem {
    match error {
        MultipartError::Payload(error) => body::unread(&error),
        _ => Problem::malformed("The form is not well-formed, or ends too soon"),
    }
}
