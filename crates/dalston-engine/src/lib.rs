//! How audio becomes text: engines for jobs, the built-in voice activity detection, transcripts and their formats.

mod answer;
mod bounds;
mod command;
mod decode;
mod engine;
mod length;
mod lines;
mod listen;
mod mend;
mod mp4;
mod openai;
mod packets;
mod probe;
mod process;
mod refusal;
mod relay;
mod resample;
mod sandbox;
mod speech;
mod subtitle;
mod transcript;
mod vad;
mod vorbis;

pub use command::Command;
pub use engine::{Engine, EngineError, Most, Sink, Stop, Work};
pub use length::most_seconds;
pub use lines::TranscriptReader;
pub use openai::OpenAi;
pub use probe::probe;
pub use refusal::{DAY_IS_OVER, TOO_DENSE, TOO_LONG, is_refusal};
pub use resample::{Resampler, SPEECH_RATE};
pub use sandbox::{DIED, DecoderProgram, Decoders, decode_if_asked};
pub use speech::{SpeechEvent, SpeechFinder};
pub use subtitle::{Format, Layout, render};
pub use transcript::{Segment, Summary, Word};
pub use vad::Vad;
