//! The built-in engine: voice activity detection (VAD). It finds when somebody speaks, but writes no text.

use crate::{
    Decoders, Engine, EngineError, EngineOption, Sink, StopFlag, Summary, TranscriptionTask, relay::wait_for_stop,
    sandbox::DecoderMessage, sanitizer::SegmentSanitizer,
};
use async_trait::async_trait;
use std::{io, sync::Arc};
use tokio::fs::File;

/// Note for the readers of a transcript.
const NOTE: &str = "No transcription engine is configured: the segments tell where speech is, their text is empty. \
    For text set DALSTON_ENGINE_URL or DALSTON_ENGINE_COMMAND.";

/// Finds speech with a small neural network that is compiled into this program. Each file is decoded in a sandboxed
/// process of its own.
pub struct Vad(Arc<Decoders>);

impl Vad {
    /// Creates the engine with these decoders.
    pub const fn new(decoders: Arc<Decoders>) -> Self {
        Self(decoders)
    }
}

#[async_trait]
impl Engine for Vad {
    fn kind(&self) -> &'static str {
        "vad"
    }

    fn is_built_in(&self) -> bool {
        true
    }

    fn takes(&self, _: EngineOption) -> bool {
        false
    }

    async fn models(&self) -> Vec<String> {
        Vec::new()
    }

    async fn transcribe(
        &self,
        work: &TranscriptionTask,
        sink: &mut dyn Sink,
        mut stop: StopFlag,
    ) -> Result<Summary, EngineError> {
        let audio = File::open(&work.audio).await?.into_std().await;
        let mut decoder = self.0.listen(audio, work.most.seconds)?;
        // The decoder process reads malicious files, so its messages are sanitized like those of other programs.
        let mut mender = SegmentSanitizer::default();
        let duration = loop {
            let message = tokio::select! {
                biased;
                () = wait_for_stop(&mut stop) => return Err(EngineError::Stopped),
                message = decoder.next_message() => message?,
            };
            match message {
                DecoderMessage::Segment(segment) => {
                    mender.sanitize(segment).iter().try_for_each(|segment| sink.segment(segment))?;
                }
                DecoderMessage::Progress(thousandths) => sink.progress(thousandths.min(1_000)),
                DecoderMessage::Heard(seconds) => break seconds,
                DecoderMessage::Unfit(unfit, why) => return Err(EngineError::Rejected(unfit.text(), why)),
                DecoderMessage::Unable(why) => return Err(io::Error::other(why).into()),
                DecoderMessage::TooLong => {
                    let why = format!("more than {} s", work.most.seconds);
                    return Err(EngineError::Rejected(work.most.exceeded, why));
                }
                DecoderMessage::Found(_) | DecoderMessage::Counted(_) => {
                    return Err(EngineError::Died(crate::sandbox::DIED, "it probes".to_owned()));
                }
            }
        };
        Ok(Summary {
            engine: self.kind().to_owned(),
            model: None,
            language: None,
            duration: Some(if duration.is_finite() { duration.max(0.0) } else { mender.end }),
            speech_duration: mender.speech,
            segments: mender.segments,
            words: mender.words,
            note: Some(NOTE.to_owned()),
        })
    }
}
