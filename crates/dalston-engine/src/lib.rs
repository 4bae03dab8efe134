//! How audio becomes text: engines for jobs, the built-in voice activity detection, transcripts and their formats.

mod decode;
mod engine;
mod lines;
mod mend;
mod relay;
mod resample;
mod speech;
mod subtitle;
mod transcript;
mod vad;

pub use engine::{Engine, EngineError, Sink, Stop, Work};
pub use lines::TranscriptReader;
pub use resample::{Resampler, SPEECH_RATE};
pub use speech::{SpeechEvent, SpeechFinder};
pub use subtitle::{Format, Layout, render};
pub use transcript::{Segment, Summary, Word};
pub use vad::Vad;
