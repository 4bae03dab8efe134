//! Validation of the fields of an upload form.

use crate::fault::problem;
use actix_web::http::header::{Charset, ContentDisposition, ExtendedValue};
use dalston_actix::Problem;
use dalston_model::{FileName, Metadata};
use dalston_service::{ServiceError, Upload};

/// Maximum length of `model` and `language`, in characters.
const WORD: usize = 64;
/// The error messages with the valid values.
const MODEL: &str = "must be 1 to 64 letters, digits and . _ : / -, a letter or a digit first, without ..";
const LANGUAGE: &str = "must be auto or the tag of a language: en, de-CH, zh_Hans";

/// Sets a text field that engines know or that is our own.
pub(crate) fn take(upload: &mut Upload, name: &str, text: &str) -> Result<(), Problem> {
    match name {
        "model" => upload.model = word(name, text, is_model, MODEL)?,
        "language" => upload.language = word(name, text, is_language, LANGUAGE)?,
        "prompt" => upload.options.prompt = prompt(text)?,
        "temperature" => upload.options.temperature = Some(temperature(text)?),
        "timestamps" => upload.options.words = timestamps(text)?,
        "metadata" => upload.metadata = metadata(text)?,
        _ => {}
    }
    Ok(())
}

/// Returns the client's name of its file. Forms have no `filename*` (RFC 7578 §4.2), but some clients send it.
pub(crate) fn file_name(part: &ContentDisposition) -> Option<FileName> {
    if let Some(plain) = part.get_filename() {
        return FileName::clean(plain);
    }
    let ExtendedValue { charset, value, .. } = part.get_filename_ext()?;
    let text = match charset {
        // The two charsets that RFC 8187 §3.2.1 requires.
        Charset::Iso_8859_1 => value.iter().copied().map(char::from).collect(),
        Charset::Ext(name) if name.eq_ignore_ascii_case("UTF-8") => str::from_utf8(value).ok()?.to_owned(),
        _ => return None,
    };
    FileName::clean(&text)
}

/// Returns a short text, or `None` if it is empty.
fn word(name: &str, text: &str, is_fit: fn(&str) -> bool, wanted: &'static str) -> Result<Option<String>, Problem> {
    let word = text.trim();
    if word.is_empty() {
        return Ok(None);
    }
    if word.len() > WORD || !is_fit(word) {
        return Err(problem(ServiceError::invalid(name, wanted)));
    }
    Ok(Some(word.to_owned()))
}

/// Whether the text is a model name that is safe as a program argument and as a path segment.
fn is_model(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_alphanumeric())
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:/-".contains(&byte))
        && !word.contains("..")
}

/// Whether the text is a language tag with optional subtags, or `auto`.
fn is_language(word: &str) -> bool {
    let mut parts = word.split(['-', '_']);
    let first = parts.next().unwrap_or_default();
    let is_tag = matches!(first.len(), 2 | 3) && first.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    word == "auto" || is_tag && parts.all(is_part)
}

/// Returns a prompt: text that the audio may contain, with normalised line ends; `None` if it is blank.
fn prompt(text: &str) -> Result<Option<String>, Problem> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    if text.chars().any(|it| it.is_control() && !matches!(it, '\n' | '\t')) {
        return Err(problem(ServiceError::invalid("prompt", "must be at most 4096 bytes without control characters")));
    }
    Ok(Some(text).filter(|text| !text.trim().is_empty()))
}

fn temperature(text: &str) -> Result<f64, Problem> {
    let number = text.parse().ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| problem(ServiceError::invalid("temperature", "must be a number from 0 to 1")))
}

/// Whether word times are requested in addition to segment times.
fn timestamps(text: &str) -> Result<bool, Problem> {
    match text {
        "segment" => Ok(false),
        "word" => Ok(true),
        _ => Err(problem(ServiceError::invalid("timestamps", "must be segment or word"))),
    }
}

fn metadata(text: &str) -> Result<Metadata, Problem> {
    let object = dalston_command::read_object(text.as_bytes());
    let metadata = object.ok().and_then(|object| Metadata::new(object).ok());
    metadata.ok_or_else(|| problem(ServiceError::invalid("metadata", "must be a JSON object of at most 4096 bytes")))
}
