//! How audio becomes text: engines for jobs, the built-in voice activity detection, transcripts and their formats.

mod about;
mod adts;
mod answer;
mod decoder_limits;
mod codec;
mod command;
mod correction;
mod count;
mod cut;
mod decode;
mod encoder_padding;
mod endian;
mod engine;
mod format;
mod iff;
mod length;
mod lines;
mod listen;
mod matroska;
mod sanitizer;
mod mp4;
mod openai;
mod opus;
mod packets;
mod probe;
mod process;
mod client_errors;
mod relay;
mod resample;
mod sandbox;
mod speech;
mod subtitle;
mod transcript;
mod trim;
mod vad;
mod vorbis;
mod wav;

pub use command::EngineCommand;
pub use engine::{Engine, EngineError, EngineOption, AudioBound, Sink, StopFlag, TranscriptionTask};
pub use length::most_seconds;
pub use lines::TranscriptReader;
pub use openai::{OpenAi, UNTRANSLATED};
pub use probe::{ProbedAudio, probe};
pub use client_errors::{DAY_IS_OVER, TOO_DENSE, TOO_LONG, is_refusal};
pub use resample::{Resampler, SPEECH_RATE};
pub use sandbox::{DIED, DecoderProgram, Decoders, decode_if_asked};
pub use speech::{SpeechEvent, SpeechFinder};
pub use subtitle::{SubtitleFormat, Layout, render};
pub use transcript::{Segment, Summary, Word};
pub use vad::Vad;

/// Channels of a file at most.
const CHANNELS: usize = 64;
