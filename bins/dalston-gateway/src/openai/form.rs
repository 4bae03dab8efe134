//! The form of an upload, as OpenAI's clients send it.

use crate::{Gateway, fault::problem, upload};
use actix_multipart::{Field, Multipart};
use dalston_actix::Problem;
use dalston_auth::Permit;
use dalston_service::{ServiceError, Shape, Staged, Upload};
use futures_util::StreamExt;

/// Parts of a form at most.
const PARTS: usize = 32;

/// What is asked for.
pub(super) struct Asked {
    pub(super) staged: Staged,
    pub(super) upload: Upload,
    pub(super) shape: Shape,
}

/// A form as far as it was read.
#[derive(Default)]
struct Form {
    inner: upload::Form,
    seen: Vec<String>,
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
            let name = field.name().unwrap_or_default().to_owned();
            let repeats = name.ends_with("[]");
            if form.seen.len() >= PARTS || !repeats && form.seen.contains(&name) {
                return Err(problem(ServiceError::invalid(name, "must be given once")));
            }
            match name.as_str() {
                "file" => form.inner.take_file(&mut field, permit, gateway, false).await?,
                _ => form.take(&name, &mut field, translate).await?,
            }
            form.seen.push(name);
        }
        form.asked(translate)
    }
}

impl Form {
    async fn take(&mut self, name: &str, field: &mut Field, translate: bool) -> Result<(), Problem> {
        match name {
            "model" | "temperature" => self.inner.take_option(name, field).await?,
            "language" if !translate => self.inner.take_option(name, field).await?,
            "prompt" => {
                // An empty one is none.
                let text = upload::text(field).await?;
                self.inner.upload.options.prompt = if text.is_empty() { None } else { Some(upload::prompt(&text)?) };
            }
            "response_format" => self.format = Some(upload::text(field).await?),
            "timestamp_granularities[]" if !translate => match upload::text(field).await?.as_str() {
                "segment" => self.segments = true,
                "word" => self.words = true,
                _ => return Err(problem(ServiceError::invalid(name, "must be segment or word"))),
            },
            "stream" if !translate => match upload::text(field).await?.as_str() {
                "true" | "True" => self.stream = true,
                "false" | "False" => {}
                _ => return Err(problem(ServiceError::invalid(name, "must be true or false"))),
            },
            // How the audio is cut is the engine's affair.
            "chunking_strategy" if !translate => drop(upload::text(field).await?),
            _ => return Err(upload::unknown(name)),
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
                let wanted = "must be json, text, srt, verbose_json or vtt";
                return Err(problem(ServiceError::invalid("response_format", wanted)));
            }
        };
        let shape = match shape {
            Shape::Json | Shape::Text if self.stream => Shape::Events,
            _ if self.stream => {
                let wanted = "must be false unless the response_format is json or text";
                return Err(problem(ServiceError::invalid("stream", wanted)));
            }
            Shape::Verbose { .. } => shape,
            _ if self.words || self.segments => {
                let wanted = "wants the response_format verbose_json";
                return Err(problem(ServiceError::invalid("timestamp_granularities[]", wanted)));
            }
            other => other,
        };
        let mut upload = self.inner.upload;
        upload.options.words = self.words;
        upload.options.translate = translated;
        let staged = self.inner.staged.ok_or_else(|| problem(ServiceError::invalid("file", "is required")))?;
        Ok(Asked { staged, upload, shape })
    }
}
