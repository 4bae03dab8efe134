//! How audio becomes text: engines for jobs, the built-in voice activity detection, transcripts and their formats.

mod engine;
mod transcript;

pub use engine::{Engine, EngineError, Sink, Stop, Work};
pub use transcript::{Segment, Summary, Word};
