//! The session settings of a client: `session.update`, or `transcription_session.update` of the beta.

use crate::stream::is_word;
use dalston_stream::{Encoding, StreamConfig};
use serde_json::{Value, json};

/// Sample rate of PCM in Hz, the only one in the protocol.
const PCM_RATE: u32 = 24_000;
/// Sample rate of G.711 in Hz.
const G711_RATE: u32 = 8_000;

/// The names of protocol fields that a client uses: those of the beta, which OpenAI has ended, or the current ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    Beta,
    Current,
}

/// A session field with a value that is not supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unserved {
    beta: &'static str,
    current: &'static str,
    /// The error message with the supported values.
    pub(super) wanted: &'static str,
}

impl Unserved {
    /// Returns the path of the field in the client's names.
    pub(super) const fn field(&self, names: Names) -> &'static str {
        match names {
            Names::Beta => self.beta,
            Names::Current => self.current,
        }
    }
}

pub(super) const FORMAT: Unserved = Unserved {
    beta: "session.input_audio_format",
    current: "session.audio.input.format",
    wanted: "The format must be PCM of 16 bits at 24000 Hz (pcm16, audio/pcm) or G.711 (g711_ulaw, g711_alaw, audio/pcmu, audio/pcma)",
};
const MODEL: Unserved = Unserved {
    beta: "session.input_audio_transcription.model",
    current: "session.audio.input.transcription.model",
    wanted: "The model must be a name of 1 to 64 visible characters",
};
const LANGUAGE: Unserved = Unserved {
    beta: "session.input_audio_transcription.language",
    current: "session.audio.input.transcription.language",
    wanted: "The language must be a tag of 1 to 64 visible characters: en, de-CH",
};
const TURNS: Unserved = Unserved {
    beta: "session.turn_detection",
    current: "session.audio.input.turn_detection",
    wanted: "The turn detection must be server_vad, semantic_vad or null",
};

/// The session settings that a client has requested so far.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wanted {
    pub(super) encoding: Encoding,
    /// The model as the client names it; `None`: the client names none.
    pub(super) model: Option<String>,
    pub(super) language: Option<String>,
    /// Whether the end of speech ends an item. Otherwise the client commits.
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
    /// Returns the default settings with this model.
    pub(super) fn of(model: Option<String>) -> Self {
        Self { model, ..Self::default() }
    }

    /// Returns the settings after an update, in either set of names. Fields that the update does not name keep their
    /// value.
    pub(super) fn updated(&self, session: &Value) -> Result<Self, Unserved> {
        let mut wanted = self.clone();
        // The current names are nested deeper, and otherwise the same.
        let input = &session["audio"]["input"];
        let either = |old: &str, new: &str| match session.get(old) {
            Some(value) => Some(value.clone()),
            None => input.get(new).cloned(),
        };
        if let Some(format) = either("input_audio_format", "format") {
            wanted.encoding = encoding(&format).ok_or(FORMAT)?;
        }
        if let Some(transcription) = either("input_audio_transcription", "transcription") {
            for (field, unserved, into) in
                [("model", MODEL, &mut wanted.model), ("language", LANGUAGE, &mut wanted.language)]
            {
                match transcription.get(field) {
                    None => {}
                    Some(Value::Null) => *into = None,
                    Some(Value::String(word)) if word.is_empty() => *into = None,
                    Some(Value::String(word)) if is_word(word) => *into = Some(word.clone()),
                    Some(_) => return Err(unserved),
                }
            }
        }
        if let Some(turns) = either("turn_detection", "turn_detection") {
            wanted.by_voice = match turns["type"].as_str() {
                Some("server_vad" | "semantic_vad") => true,
                None if turns.is_null() => false,
                _ => return Err(TURNS),
            };
            wanted.turn_detection = if turns.is_null() { turns } else { json!({"type": "server_vad"}) };
        }
        Ok(wanted)
    }

    /// Returns the stream configuration. Names of OpenAI's own models stand for the default model.
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

    /// Returns the session as the protocol describes it, in these names.
    pub(super) fn session(&self, names: Names, id: &str) -> Value {
        match names {
            Names::Beta => self.beta(id),
            Names::Current => self.current(id),
        }
    }

    fn beta(&self, id: &str) -> Value {
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

    fn current(&self, id: &str) -> Value {
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

/// Returns the encoding of an audio format, in the beta's or the current names.
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
        assert_eq!(wrong(json!({"input_audio_format": "mp3"})), FORMAT);
        assert_eq!(wrong(json!({"audio": {"input": {"format": {"type": "audio/pcm", "rate": 8000}}}})), FORMAT);
        assert_eq!(wrong(json!({"turn_detection": {"type": "other"}})), TURNS);
        assert_eq!(wrong(json!({"input_audio_transcription": {"model": "a b"}})), MODEL);
        assert_eq!(wrong(json!({"audio": {"input": {"transcription": {"language": 5}}}})), LANGUAGE);
        assert_eq!(FORMAT.field(Names::Current), "session.audio.input.format");
        assert_eq!(FORMAT.field(Names::Beta), "session.input_audio_format");
    }
}
