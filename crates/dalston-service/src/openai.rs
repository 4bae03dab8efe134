//! Transcripts in the response formats of OpenAI's API.

use crate::{
    RenderedPieces, Transcript,
    transcript::{listed, pass, said, text},
};
use bytes::Bytes;
use dalston_engine::{Layout, Segment, SubtitleFormat};
use serde_json::json;
use std::{cell::Cell, io, iter, num::NonZeroUsize};

/// A response format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TranscriptShape {
    /// A JSON object with the text.
    Json,
    /// The plain text.
    Text,
    /// SubRip, one subtitle per segment.
    Srt,
    /// WebVTT, one subtitle per segment.
    Vtt,
    /// A JSON object with the text and the requested details.
    Verbose {
        /// Whether to include segments.
        segments: bool,
        /// Whether to include words.
        words: bool,
        /// Whether the text is a translation.
        translated: bool,
    },
    /// Server-sent events: a text delta per segment, then the whole text.
    Events,
}

impl Transcript {
    /// Renders the transcript in this format.
    pub fn shaped(self, shape: TranscriptShape) -> io::Result<RenderedPieces> {
        // Text is not wrapped. Clients that want wrapped lines use the gateway's own export.
        let whole = Layout { line_length: NonZeroUsize::MAX, lines: NonZeroUsize::MIN };
        match shape {
            TranscriptShape::Json => {
                let pieces = said("{\"text\":\"").chain(text(&self.file)?).chain(said("\""));
                Ok(Box::new(pieces.chain(self.noted()).chain(said("}"))))
            }
            TranscriptShape::Text => self.render(SubtitleFormat::Txt, whole),
            TranscriptShape::Srt => self.render(SubtitleFormat::Srt, whole),
            TranscriptShape::Vtt => self.render(SubtitleFormat::Vtt, whole),
            TranscriptShape::Verbose { segments, words, translated } => self.verbose(segments, words, translated),
            TranscriptShape::Events => self.events(),
        }
    }

    fn verbose(self, segments: bool, words: bool, translated: bool) -> io::Result<RenderedPieces> {
        let head = json!({
            "task": if translated { "translate" } else { "transcribe" },
            "language": self.summary.language.as_deref().unwrap_or(""),
            "duration": self.summary.duration.unwrap_or_default(),
        });
        let mut head = head.to_string();
        head.pop();
        head += ",\"text\":\"";
        let mut pieces: RenderedPieces =
            Box::new(iter::once(Ok(Bytes::from(head))).chain(text(&self.file)?).chain(said("\"")).chain(self.noted()));
        if segments {
            let next = Cell::new(0);
            let segments = pass(&self.file, move |segment, first| {
                let id = next.replace(next.get() + 1);
                (listed(first, &verbose(id, &segment)), false)
            })?;
            pieces = Box::new(pieces.chain(said(",\"segments\":[")).chain(segments).chain(said("]")));
        }
        if words {
            let words = pass(&self.file, |segment, first| {
                let words = segment.words.iter().enumerate().map(|(at, word)| {
                    let word = json!({"word": word.word, "start": word.start, "end": word.end});
                    listed(first && at == 0, &word)
                });
                (words.collect(), first && segment.words.is_empty())
            })?;
            pieces = Box::new(pieces.chain(said(",\"words\":[")).chain(words).chain(said("]")));
        }
        Ok(Box::new(pieces.chain(said("}"))))
    }

    fn events(self) -> io::Result<RenderedPieces> {
        let deltas = pass(&self.file, |segment, first| {
            let text = segment.text.trim();
            if text.is_empty() {
                return (String::new(), first);
            }
            let delta = if first { text.to_owned() } else { format!(" {text}") };
            let event = json!({"type": "transcript.text.delta", "delta": delta});
            (format!("event: transcript.text.delta\ndata: {event}\n\n"), false)
        })?;
        let done = said("event: transcript.text.done\ndata: {\"type\":\"transcript.text.done\",\"text\":\"");
        let pieces = deltas.chain(done).chain(text(&self.file)?);
        let pieces = pieces.chain(said("\"")).chain(self.noted());
        Ok(Box::new(pieces.chain(said("}\n\ndata: [DONE]\n\n"))))
    }

    /// Renders the note, if any, as a further member of a JSON object.
    fn noted(&self) -> RenderedPieces {
        let member = self.note().map(|note| Ok(Bytes::from(format!(",\"note\":{}", json!(note)))));
        Box::new(member.into_iter())
    }
}

/// Renders a segment with all members that OpenAI's clients expect.
///
/// Members that only Whisper can provide are 0 or empty. `avg_logprob` is derived from the engine's confidence.
fn verbose(id: u64, segment: &Segment) -> serde_json::Value {
    json!({
        "id": id,
        "seek": 0,
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": segment.confidence.map_or(0.0, |confidence| confidence.max(1e-9).ln()),
        "compression_ratio": 0.0,
        "no_speech_prob": 0.0,
    })
}
