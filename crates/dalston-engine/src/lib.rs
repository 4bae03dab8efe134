//! How audio becomes text: engines for jobs, the built-in voice activity detection, transcripts and their formats.

mod engine;
mod resample;
mod speech;
mod transcript;

pub use engine::{Engine, EngineError, Sink, Stop, Work};
pub use resample::{Resampler, SPEECH_RATE};
pub use speech::{SpeechEvent, SpeechFinder};
pub use transcript::{Segment, Summary, Word};
