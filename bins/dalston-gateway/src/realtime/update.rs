//! What a client asks of a session: `transcription_session.update`, or `session.update` of the newer names.

use crate::stream::is_word;
use dalston_stream::{Encoding, StreamConfig};
use serde_json::{Value, json};

/// Samples a second of PCM, which is the only rate that the protocol knows.
const PCM_RATE: u32 = 24_000;
/// Samples a second of G.711.
const G711_RATE: u32 = 8_000;

/// What a client asked for, all together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wanted {
    pub(super) encoding: Encoding,
    /// As the client names it; `None`: it names none.
    pub(super) model: Option<String>,
    pub(super) language: Option<String>,
    /// Whether the end of speech ends an item; else the client commits.
    pub(super) by_voice: bool,
    turn_detection: Value,
}

impl Default for Wanted {
    fn default() -> Self {
        let turn_detection = json!({
            "type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500,
        });
        Self { encoding: Encoding::PcmS16Le, model: None, language: None, by_voice: true, turn_detection }
    }
}

impl Wanted {
    /// With what an update asks for; what it does not name stays. `Err` names the field that cannot be served.
    pub(super) fn updated(&self, session: &Value) -> Result<Self, &'static str> {
        let mut wanted = self.clone();
        // The newer names lie deeper, and are otherwise the same.
        let input = &session["audio"]["input"];
        let either = |old: &str, new: &str| match session.get(old) {
            Some(value) => Some(value.clone()),
            None => input.get(new).cloned(),
        };
        if let Some(format) = either("input_audio_format", "format") {
            wanted.encoding = encoding(&format).ok_or("session.input_audio_format")?;
        }
        if let Some(transcription) = either("input_audio_transcription", "transcription") {
            for (field, name, into) in [
                ("model", "session.input_audio_transcription.model", &mut wanted.model),
                ("language", "session.input_audio_transcription.language", &mut wanted.language),
            ] {
                match transcription.get(field) {
                    None => {}
                    Some(Value::Null) => *into = None,
                    Some(Value::String(word)) if word.is_empty() => *into = None,
                    Some(Value::String(word)) if is_word(word) => *into = Some(word.clone()),
                    Some(_) => return Err(name),
                }
            }
        }
        if let Some(turns) = either("turn_detection", "turn_detection") {
            wanted.by_voice = match turns["type"].as_str() {
                Some("server_vad" | "semantic_vad") => true,
                None if turns.is_null() => false,
                _ => return Err("session.turn_detection"),
            };
            wanted.turn_detection = if turns.is_null() { turns } else { json!({"type": "server_vad"}) };
        }
        Ok(wanted)
    }

    /// The stream that serves it. Models of OpenAI's own names stand for the usual one.
    pub(super) fn config(&self) -> StreamConfig {
        let theirs = |model: &str| model == "whisper-1" || model.starts_with("gpt-");
        let model = self.model.as_deref().filter(|model| !theirs(model)).unwrap_or("fast");
        let sample_rate = if self.encoding == Encoding::PcmS16Le { PCM_RATE } else { G711_RATE };
        StreamConfig {
            language: self.language.clone().unwrap_or_else(|| "auto".to_owned()),
            model: model.to_owned(),
            encoding: self.encoding,
            sample_rate,
        }
    }

    /// The session, in the older names.
    pub(super) fn older(&self, id: &str) -> Value {
        let format = match self.encoding {
            Encoding::MuLaw => "g711_ulaw",
            Encoding::ALaw => "g711_alaw",
            Encoding::PcmS16Le | Encoding::PcmF32Le => "pcm16",
        };
        json!({
            "id": id,
            "object": "realtime.transcription_session",
            "expires_at": 0,
            "input_audio_format": format,
            "input_audio_transcription": self.transcription(),
            "input_audio_noise_reduction": null,
            "turn_detection": self.turn_detection,
            "include": null,
        })
    }

    /// The session, in the newer names.
    pub(super) fn newer(&self, id: &str) -> Value {
        let format = match self.encoding {
            Encoding::MuLaw => json!({"type": "audio/pcmu"}),
            Encoding::ALaw => json!({"type": "audio/pcma"}),
            Encoding::PcmS16Le | Encoding::PcmF32Le => json!({"type": "audio/pcm", "rate": PCM_RATE}),
        };
        json!({
            "id": id,
            "object": "realtime.transcription_session",
            "type": "transcription",
            "expires_at": 0,
            "audio": {"input": {
                "format": format,
                "transcription": self.transcription(),
                "noise_reduction": null,
                "turn_detection": self.turn_detection,
            }},
            "include": null,
        })
    }

    fn transcription(&self) -> Value {
        json!({"model": self.model, "language": self.language, "prompt": ""})
    }
}

/// The encoding of a format, in the older or the newer names.
fn encoding(format: &Value) -> Option<Encoding> {
    let rate = format.get("rate").and_then(Value::as_u64);
    match format.as_str().or_else(|| format["type"].as_str())? {
        "pcm16" => Some(Encoding::PcmS16Le),
        "audio/pcm" if rate.is_none_or(|rate| rate == u64::from(PCM_RATE)) => Some(Encoding::PcmS16Le),
        "g711_ulaw" | "audio/pcmu" => Some(Encoding::MuLaw),
        "g711_alaw" | "audio/pcma" => Some(Encoding::ALaw),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sets_of_names_ask_for_the_same() {
        let older = json!({
            "input_audio_format": "g711_ulaw",
            "input_audio_transcription": {"model": "gpt-4o-transcribe", "language": "de", "prompt": "x"},
            "turn_detection": null,
        });
        let newer = json!({"type": "transcription", "audio": {"input": {
            "format": {"type": "audio/pcmu"},
            "transcription": {"model": "gpt-4o-transcribe", "language": "de"},
            "turn_detection": null,
        }}});
        let wanted = Wanted::default().updated(&older).unwrap();
        assert_eq!(Wanted::default().updated(&newer), Ok(wanted.clone()));
        assert!(!wanted.by_voice);
        let config = wanted.config();
        assert_eq!((config.model.as_str(), config.language.as_str(), config.sample_rate), ("fast", "de", 8_000));
        assert_eq!(wanted.updated(&json!({})), Ok(wanted.clone()), "what is not named stays");
    }

    #[test]
    fn what_cannot_be_served_is_named() {
        let wrong = |session: Value| Wanted::default().updated(&session).unwrap_err();
        assert_eq!(wrong(json!({"input_audio_format": "mp3"})), "session.input_audio_format");
        assert_eq!(
            wrong(json!({"audio": {"input": {"format": {"type": "audio/pcm", "rate": 8000}}}})),
            "session.input_audio_format"
        );
        assert_eq!(wrong(json!({"turn_detection": {"type": "other"}})), "session.turn_detection");
        let model = json!({"input_audio_transcription": {"model": "a b"}});
        assert_eq!(wrong(model), "session.input_audio_transcription.model");
    }
}
