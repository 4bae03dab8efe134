//! The built-in engine: where somebody speaks, and nothing of what they say.

use crate::{
    Engine, EngineError, Resampler, Segment, Sink, SpeechEvent, SpeechFinder, Stop, Summary, Work,
    decode::Decoder,
    relay::{Relay, relay},
};
use async_trait::async_trait;
use std::path::Path;

/// What clients read when the headers lie.
pub(crate) const ODD: &str = "The audio has a sample rate or a number of channels that is not taken";
/// What a reader of a result must know.
const NOTE: &str = "No transcription engine is configured: the segments tell where speech is, their text is empty. \
    For text set DALSTON_ENGINE_URL or DALSTON_ENGINE_COMMAND.";

/// Finds speech with a small network that is part of the program. It decodes what uploads are probed for but Opus.
#[derive(Debug, Clone, Copy, Default)]
pub struct Vad;

#[async_trait]
impl Engine for Vad {
    fn kind(&self) -> &'static str {
        "vad"
    }

    async fn models(&self) -> Vec<String> {
        Vec::new()
    }

    async fn transcribe(&self, work: &Work, sink: &mut dyn Sink, stop: Stop) -> Result<Summary, EngineError> {
        let audio = work.audio.clone();
        let (duration, found) = relay(sink, stop, move |relay| listen(&audio, relay)).await?;
        Ok(Summary {
            engine: self.kind().to_owned(),
            model: None,
            language: None,
            duration,
            speech_duration: found.speech,
            segments: found.segments,
            note: Some(NOTE.to_owned()),
        })
    }
}

/// Listens to a file to the end. The length of what was heard, in seconds.
fn listen(audio: &Path, relay: &mut Relay) -> Result<f64, EngineError> {
    let mut decoder = Decoder::open(audio)?;
    let whole = decoder.seconds;
    let mut ear = Ear { finder: SpeechFinder::new(), since: None };
    let mut change: Option<Resampler> = None;
    while let Some(piece) = decoder.next()? {
        // Some files change in the middle.
        let mut fit = match change.take().filter(|change| change.takes(piece.rate, piece.channels)) {
            Some(fit) => fit,
            None => Resampler::new(piece.rate, piece.channels)
                .ok_or_else(|| EngineError::Rejected(ODD, format!("{} Hz, {} channels", piece.rate, piece.channels)))?,
        };
        ear.hear(fit.push(piece.samples), relay)?;
        change = Some(fit);
        relay.progress(thousandths(ear.finder.seconds(), whole))?;
    }
    if let Some(mut change) = change {
        ear.hear(change.finish(), relay)?;
    }
    if let Some(event) = ear.finder.finish() {
        ear.note(event, relay)?;
    }
    relay.progress(1_000)?;
    Ok((ear.finder.seconds() * 1_000.0).round() / 1_000.0)
}

/// Makes segments of starts and ends.
struct Ear {
    finder: SpeechFinder,
    since: Option<f64>,
}

impl Ear {
    fn hear(&mut self, samples: &[f32], relay: &mut Relay) -> Result<(), EngineError> {
        self.finder.push(samples).into_iter().try_for_each(|event| self.note(event, relay))
    }

    fn note(&mut self, event: SpeechEvent, relay: &mut Relay) -> Result<(), EngineError> {
        match event {
            SpeechEvent::Start { at } => self.since = Some(at),
            SpeechEvent::End { at } => {
                let start = self.since.take().unwrap_or(at);
                relay.segment(Segment { start, end: at, text: String::new(), confidence: None, words: Vec::new() })?;
            }
        }
        Ok(())
    }
}

fn thousandths(done: f64, whole: Option<f64>) -> u16 {
    let share = done / whole.unwrap_or(f64::INFINITY);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, and NaN is 0")]
    // In hundredths: whoever is told is told a hundred times.
    let hundredths = (share * 100.0) as u16;
    hundredths.min(100) * 10
}
