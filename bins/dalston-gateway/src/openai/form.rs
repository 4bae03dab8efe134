//! The form of an upload, as OpenAI's clients and those of like servers send it: an empty field is an absent one, lists
//! come in several spellings, and what is not known here is passed over and named.

use crate::{Gateway, fault::problem, upload};
use actix_multipart::{Field, Multipart};
use dalston_actix::Problem;
use dalston_auth::Permit;
use dalston_command::shown_name;
use dalston_service::{ServiceError, Shape, Staged, Upload};
use futures_util::StreamExt;

/// Parts of a form at most.
const PARTS: usize = 64;
/// Names of passed-over fields that are told at most.
const NAMED: usize = 16;

/// What is asked for.
pub(super) struct Asked {
    pub(super) staged: Staged,
    pub(super) upload: Upload,
    pub(super) shape: Shape,
    /// Names of the fields that were passed over.
    pub(super) ignored: Vec<String>,
}

/// A form as far as it was read.
#[derive(Default)]
struct Form {
    inner: upload::Form,
    seen: Vec<String>,
    parts: usize,
    ignored: Vec<String>,
    format: Option<String>,
    segments: bool,
    words: bool,
    stream: bool,
}

impl Asked {
    /// Reads a form part by part.
    pub(super) async fn read(
        mut parts: Multipart,
        translate: bool,
        permit: &Permit,
        gateway: &Gateway,
    ) -> Result<Self, Problem> {
        let mut form = Form::default();
        while let Some(field) = parts.next().await {
            let mut field = field.map_err(upload::unread)?;
            let given = field.name().unwrap_or_default().to_owned();
            form.parts += 1;
            if form.parts > PARTS {
                return Err(Problem::malformed("The form has more than 64 parts"));
            }
            // `include[]`, `timestamp_granularities[0]`, `chunking_strategy[type]`.
            let name = given.split('[').next().unwrap_or_default();
            if ONCE.contains(&name) && form.seen.iter().any(|seen| seen == name) {
                return Err(problem(ServiceError::invalid(name, "must be given once")));
            }
            match name {
                "file" => form.inner.take_file(&mut field, permit, gateway, false).await?,
                _ if is_known(name, translate) => form.take(name, &mut field).await?,
                _ => form.pass_over(&given, &mut field).await?,
            }
            form.seen.push(name.to_owned());
        }
        form.asked(translate)
    }
}

/// Fields that are given once: of two nobody could say which counts.
const ONCE: [&str; 7] = ["file", "model", "language", "prompt", "temperature", "response_format", "stream"];

/// Fields of OpenAI's that are taken: how audio is cut and what else is told is the engine's affair.
const WITHOUT_EFFECT: [&str; 4] = ["chunking_strategy", "include", "known_speaker_names", "known_speaker_references"];

/// Whether a field is one of OpenAI's own.
fn is_known(name: &str, translate: bool) -> bool {
    match name {
        "model" | "prompt" | "temperature" | "response_format" => true,
        "language" | "timestamp_granularities" | "stream" => !translate,
        _ if WITHOUT_EFFECT.contains(&name) => !translate,
        _ => false,
    }
}

impl Form {
    /// Takes a field that is known.
    async fn take(&mut self, name: &str, field: &mut Field) -> Result<(), Problem> {
        let text = upload::text(field).await?;
        let text = text.trim();
        if text.is_empty() {
            return Ok(());
        }
        match name {
            "response_format" => self.format = Some(text.to_owned()),
            "timestamp_granularities" => self.granularities(text)?,
            "stream" => {
                self.stream = match text.to_ascii_lowercase().as_str() {
                    "true" | "1" | "yes" => true,
                    "false" | "0" | "no" => false,
                    _ => return Err(problem(ServiceError::invalid(name, "must be true or false"))),
                };
            }
            _ if WITHOUT_EFFECT.contains(&name) => {}
            _ => self.inner.take_text(name, text)?,
        }
        Ok(())
    }

    /// One, several with commas, or a list of JSON.
    fn granularities(&mut self, text: &str) -> Result<(), Problem> {
        let plain = |sign: char| !matches!(sign, '[' | ']' | '"' | ' ');
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

    /// Reads over a field of another server's.
    async fn pass_over(&mut self, name: &str, field: &mut Field) -> Result<(), Problem> {
        upload::text(field).await?;
        let name = shown_name(name).to_owned();
        if self.ignored.len() < NAMED && !self.ignored.contains(&name) {
            self.ignored.push(name);
        }
        Ok(())
    }

    fn asked(self, translated: bool) -> Result<Asked, Problem> {
        let shape = match self.format.as_deref().unwrap_or("json") {
            "json" => Shape::Json,
            "text" => Shape::Text,
            "srt" => Shape::Srt,
            "vtt" => Shape::Vtt,
            "verbose_json" => Shape::Verbose { segments: self.segments || !self.words, words: self.words, translated },
            _ => {
                let wanted = "must be json, text, srt, verbose_json or vtt: engines tell no speakers";
                return Err(problem(ServiceError::invalid("response_format", wanted)));
            }
        };
        let shape = match shape {
            Shape::Verbose { .. } => shape,
            // As OpenAI does: times of segments are left out, those of words are refused.
            _ if self.words => {
                let wanted = "word wants the response_format verbose_json";
                return Err(problem(ServiceError::invalid("timestamp_granularities[]", wanted)));
            }
            // Of the other formats a stream is not offered, and the wish without effect.
            Shape::Json | Shape::Text if self.stream => Shape::Events,
            other => other,
        };
        let mut upload = self.inner.upload;
        upload.options.words = self.words;
        upload.options.translate = translated;
        let staged = self.inner.staged.ok_or_else(|| problem(ServiceError::invalid("file", "is required")))?;
        Ok(Asked { staged, upload, shape, ignored: self.ignored })
    }
}
