//! Transcription engines: the built-in voice activity detection (VAD), OpenAI-compatible servers and local commands;
//! probing and decoding of audio files; transcripts and their output formats.

mod about;
mod adts;
mod answer;
mod client_errors;
mod codec;
mod command;
mod correction;
mod count;
mod cut;
mod decode;
mod decoder_limits;
mod encoder_padding;
mod endian;
mod engine;
mod format;
mod iff;
mod length;
mod lines;
mod listen;
mod matroska;
mod mp4;
mod openai;
mod opus;
mod packets;
mod probe;
mod process;
mod relay;
mod resample;
mod sandbox;
mod sanitizer;
mod speech;
mod subtitle;
mod transcript;
mod trim;
mod vad;
mod vorbis;
mod wav;

pub use client_errors::{DAY_IS_OVER, TOO_DENSE, TOO_LONG, is_refusal};
pub use command::EngineCommand;
pub use engine::{AudioBound, Engine, EngineError, EngineOption, Sink, StopFlag, TranscriptionTask};
pub use length::most_seconds;
pub use lines::TranscriptReader;
pub use openai::{OpenAi, UNTRANSLATED};
pub use probe::{ProbedAudio, probe};
pub use resample::{Resampler, SPEECH_RATE};
pub use sandbox::{DIED, DecoderProgram, Decoders, decode_if_asked};
pub use speech::{SpeechEvent, SpeechFinder};
pub use subtitle::{Layout, SubtitleFormat, render};
pub use transcript::{Segment, Summary, Word};
pub use vad::Vad;

/// Maximum number of channels in a file.
const CHANNELS: usize = 64;
