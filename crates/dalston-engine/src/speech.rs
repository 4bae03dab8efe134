//! Voice activity detection: a small neural network scores each frame of 16 milliseconds, and a state machine turns the
//! scores into starts and ends of speech.

use earshot::Detector;

/// Samples of a frame: 16 ms at 16 kHz, which is what the network was trained on.
const FRAME: usize = 256;
/// Milliseconds of a frame.
const FRAME_MS: u64 = 16;
/// Score thresholds (hysteresis): a frame is voiced at the first or above; during speech, at the lower second.
const VOICED: f32 = 0.5;
const STILL_VOICED: f32 = 0.35;
/// Number of voiced frames that start speech: 144 ms. A click or a cough is shorter.
const LEAST_SPEECH: u64 = 9;
/// Number of consecutive unvoiced frames that discard a possible start: 96 ms.
const LEAST_GAP: u64 = 6;
/// Number of consecutive unvoiced frames that end speech: 512 ms. A pause between two words is shorter.
const HANGOVER: u64 = 32;
/// Frames added before the start and after the end of speech: 96 ms. Unvoiced sounds at the edges score low. Twice this
/// is less than the hangover, so two segments never overlap.
const PADDING: u64 = 6;

/// An event of the detector. Times are seconds from the first sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SpeechEvent {
    /// Speech has begun. Reported a few frames later.
    Start {
        /// The start in seconds.
        at: f64,
    },
    /// Speech has ended. Reported half a second later.
    End {
        /// The end in seconds.
        at: f64,
    },
}

/// Streaming speech detector for 16 kHz mono audio (see [`Resampler`](crate::Resampler)). Starts and ends alternate,
/// and their times never decrease. Silence and noise yield no events; music, or a steady tone in the range of a voice,
/// may be taken for speech. It keeps one frame and the state of the network: 10 KiB, however long the audio is.
pub struct SpeechFinder {
    detector: Box<Detector>,
    frame: Vec<f32>,
    /// Number of whole frames processed.
    heard: u64,
    /// Number of samples received.
    samples: u64,
    state: SpeechState,
    /// The frame at which the last speech ended, including padding: the next speech does not start before it.
    ended: u64,
}

/// State of the detector. Frames are counted from 0; `last` is the last voiced frame.
#[derive(Clone, Copy)]
enum SpeechState {
    Silence,
    Perhaps { first: u64, last: u64, voiced: u64 },
    Speech { last: u64 },
}

impl SpeechFinder {
    /// Creates a detector.
    pub fn new() -> Self {
        Self {
            detector: Box::new(Detector::default()),
            frame: Vec::with_capacity(FRAME),
            heard: 0,
            samples: 0,
            state: SpeechState::Silence,
            ended: 0,
        }
    }

    /// Processes samples in the range -1 to 1, any number of them. Returns the events that are certain by now, in most
    /// cases none.
    pub fn push(&mut self, mut samples: &[f32]) -> Vec<SpeechEvent> {
        let mut events = Vec::new();
        self.samples += samples.len() as u64;
        while !samples.is_empty() {
            let (some, rest) = samples.split_at(samples.len().min(FRAME - self.frame.len()));
            // The network needs finite samples in range.
            self.frame.extend(some.iter().map(|sample| if sample.is_nan() { 0.0 } else { sample.clamp(-1.0, 1.0) }));
            samples = rest;
            if self.frame.len() == FRAME {
                let score = self.detector.predict_f32(&self.frame);
                self.frame.clear();
                events.extend(self.hear(score));
            }
        }
        events
    }

    /// Ends the audio: returns the end of the current speech, if there is any. Times of audio that is pushed afterwards
    /// continue.
    pub fn finish(&mut self) -> Option<SpeechEvent> {
        let speech = match self.state {
            SpeechState::Speech { last } => Some(self.end(last)),
            SpeechState::Silence | SpeechState::Perhaps { .. } => None,
        };
        self.state = SpeechState::Silence;
        speech
    }

    /// Whether the detector is currently within speech.
    pub fn is_speech(&self) -> bool {
        matches!(self.state, SpeechState::Speech { .. })
    }

    /// Returns the seconds of audio received.
    pub fn seconds(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "2^53 samples are 17,000 years")]
        let samples = self.samples as f64;
        samples / f64::from(crate::resample::SPEECH_RATE)
    }

    fn hear(&mut self, score: f32) -> Option<SpeechEvent> {
        let now = self.heard;
        self.heard += 1;
        match self.state {
            SpeechState::Silence if score >= VOICED => {
                self.state = SpeechState::Perhaps { first: now, last: now, voiced: 1 };
                None
            }
            SpeechState::Perhaps { first, voiced, .. } if score >= VOICED => {
                let voiced = voiced + 1;
                if voiced < LEAST_SPEECH {
                    self.state = SpeechState::Perhaps { first, last: now, voiced };
                    return None;
                }
                self.state = SpeechState::Speech { last: now };
                Some(SpeechEvent::Start { at: seconds(first.saturating_sub(PADDING).max(self.ended)) })
            }
            SpeechState::Perhaps { last, .. } if now - last >= LEAST_GAP => {
                self.state = SpeechState::Silence;
                None
            }
            SpeechState::Speech { .. } if score >= STILL_VOICED => {
                self.state = SpeechState::Speech { last: now };
                None
            }
            SpeechState::Speech { last } if now - last >= HANGOVER => {
                self.state = SpeechState::Silence;
                Some(self.end(last))
            }
            SpeechState::Silence | SpeechState::Perhaps { .. } | SpeechState::Speech { .. } => None,
        }
    }

    fn end(&mut self, last: u64) -> SpeechEvent {
        self.ended = (last + 1 + PADDING).min(self.heard);
        SpeechEvent::End { at: seconds(self.ended) }
    }
}

impl Default for SpeechFinder {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns the time at which a frame begins, in seconds.
fn seconds(frame: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "2^53 milliseconds are 285,000 years")]
    let millis = (frame * FRAME_MS) as f64;
    millis / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the events of a sequence of scores, one per frame.
    fn events(scores: impl IntoIterator<Item = f32>) -> Vec<SpeechEvent> {
        let mut finder = SpeechFinder::new();
        let mut events: Vec<_> = scores.into_iter().filter_map(|score| finder.hear(score)).collect();
        events.extend(finder.finish());
        events
    }

    fn frames(count: usize, score: f32) -> impl Iterator<Item = f32> {
        std::iter::repeat_n(score, count)
    }

    #[test]
    fn speech_is_padded_a_click_is_none_and_a_short_pause_ends_nothing() {
        let click = frames(100, 0.0).chain(frames(5, 0.9)).chain(frames(100, 0.0));
        assert_eq!(events(click), []);
        let paused = frames(100, 0.0).chain(frames(50, 0.9)).chain(frames(20, 0.1)).chain(frames(50, 0.9));
        let said = [SpeechEvent::Start { at: 94.0 * 0.016 }, SpeechEvent::End { at: 226.0 * 0.016 }];
        assert_eq!(events(paused.chain(frames(100, 0.0))), said);
    }

    #[test]
    fn two_pieces_of_speech_never_overlap_and_the_end_of_the_audio_ends_the_last() {
        let twice = frames(1, 0.0).chain(frames(30, 0.9)).chain(frames(40, 0.0)).chain(frames(30, 0.9));
        let events = events(twice);
        let at = |frame: f64| frame * 16.0 / 1_000.0;
        assert_eq!(
            events,
            [
                SpeechEvent::Start { at: 0.0 },
                SpeechEvent::End { at: at(37.0) },
                SpeechEvent::Start { at: at(65.0) },
                SpeechEvent::End { at: at(101.0) },
            ]
        );
    }

    #[test]
    #[expect(clippy::cast_precision_loss, reason = "24 bits")]
    fn silence_and_noise_are_no_speech() {
        let rate = 16_000 * 5;
        let silence = vec![0.0; rate];
        let mut seed = 1_u32;
        let noise: Vec<f32> = (0..rate)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 8) as f32 / 8_388_608.0 - 1.0
            })
            .map(|sample| sample * 0.3)
            .collect();
        for (name, samples) in [("silence", silence), ("noise", noise)] {
            let mut finder = SpeechFinder::new();
            let mut found = Vec::new();
            for piece in samples.chunks(1_000) {
                found.extend(finder.push(piece));
            }
            found.extend(finder.finish());
            assert_eq!(found, [], "{name}");
            assert!((finder.seconds() - 5.0).abs() < 1e-9);
        }
    }

    #[test]
    fn samples_that_are_no_numbers_are_survived() {
        let wild: Vec<f32> = (0..16_000).map(|n| [f32::NAN, f32::INFINITY, -9.0, 0.0][n % 4]).collect();
        let mut finder = SpeechFinder::new();
        finder.push(&wild);
        finder.finish();
        assert!((finder.seconds() - 1.0).abs() < 1e-9);
    }
}
