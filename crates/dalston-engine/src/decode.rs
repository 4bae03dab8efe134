//! Audio files, decoded packet by packet: memory does not grow with their length.

use crate::EngineError;
use std::{fs::File, io, path::Path};
use symphonia::core::{
    codecs::audio::{AudioDecoder, AudioDecoderOptions},
    common::Limit,
    errors::Error,
    formats::{
        FormatOptions, FormatReader, TrackType,
        probe::{Hint, Probe, ProbeOptions},
    },
    io::{MediaSourceStream, MediaSourceStreamOptions},
    meta::MetadataOptions,
};

/// As the upload is probed.
const DEPTH: u32 = 16 * 1024;
/// Packets in a row that do not decode: what follows is no audio.
const BROKEN: u32 = 100;

/// What clients read.
pub(crate) const UNKNOWN: &str = "The audio is of a kind that the built-in detection cannot decode";
pub(crate) const DAMAGED: &str = "The audio is damaged";

/// An audio file that is being decoded.
pub(crate) struct Decoder {
    format: Box<dyn FormatReader>,
    codec: Box<dyn AudioDecoder>,
    track: u32,
    /// Its length as its headers tell it, in seconds.
    pub(crate) seconds: Option<f64>,
    samples: Vec<f32>,
}

/// A piece of audio.
pub(crate) struct Decoded<'a> {
    pub(crate) rate: u32,
    pub(crate) channels: usize,
    /// Interleaved, mostly from -1 to 1.
    pub(crate) samples: &'a [f32],
}

impl Decoder {
    /// Opens a file.
    pub(crate) fn open(path: &Path) -> Result<Self, EngineError> {
        let format = probe(path)?;
        let unknown = |why: &str| EngineError::Rejected(UNKNOWN, why.to_owned());
        let track = format.default_track(TrackType::Audio).ok_or_else(|| unknown("no track"))?;
        let params = track.codec_params.as_ref().and_then(|params| params.audio());
        let params = params.ok_or_else(|| unknown("no codec"))?;
        let codec = symphonia::default::get_codecs().make_audio_decoder(params, &AudioDecoderOptions::default());
        let codec = codec.map_err(|error| unknown(&error.to_string()))?;
        let (track, seconds) = (track.id, seconds(&*format));
        Ok(Self { format, codec, track, seconds, samples: Vec::new() })
    }

    /// The next piece; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Decoded<'_>>, EngineError> {
        let mut broken = 0;
        loop {
            let packet = match self.format.next_packet() {
                Ok(Some(packet)) if packet.track_id == self.track => packet,
                Ok(Some(_)) => continue,
                Ok(None) => return Ok(None),
                // A file that was cut off is as long as it is.
                Err(Error::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                Err(Error::IoError(error)) => return Err(error.into()),
                Err(error) => return Err(EngineError::Rejected(DAMAGED, error.to_string())),
            };
            match self.codec.decode(&packet) {
                Ok(audio) if audio.frames() > 0 => {
                    audio.copy_to_vec_interleaved(&mut self.samples);
                    let (rate, channels) = (audio.spec().rate(), audio.spec().channels().count());
                    return Ok(Some(Decoded { rate, channels, samples: &self.samples }));
                }
                Ok(_) => {}
                Err(Error::DecodeError(_) | Error::IoError(_)) if broken < BROKEN => broken += 1,
                Err(error) => return Err(EngineError::Rejected(DAMAGED, error.to_string())),
            }
        }
    }
}

/// What is known of a file without decoding it: its length in seconds, and the ending that files of its kind have.
pub(crate) fn glance(path: &Path) -> (Option<f64>, Option<&'static str>) {
    let Ok(format) = probe(path) else { return (None, None) };
    let ending = match format.format_info().short_name {
        "wave" => Some("wav"),
        "isomp4" => Some("mp4"),
        "matroska" | "mkv" => Some("webm"),
        name @ ("mp3" | "flac" | "ogg") => Some(name),
        _ => None,
    };
    (seconds(&*format), ending)
}

fn probe(path: &Path) -> Result<Box<dyn FormatReader>, EngineError> {
    let file = File::open(path)?;
    let mut probe = Probe::new_with_options(&ProbeOptions { max_probe_depth: DEPTH, ..ProbeOptions::default() });
    symphonia::default::register_enabled_formats(&mut probe);
    let stream = MediaSourceStream::new(Box::new(file), MediaSourceStreamOptions::default());
    let mut meta = MetadataOptions::default();
    meta.limit_tag_bytes = Limit::Maximum(64 * 1024);
    meta.limit_visual_bytes = Limit::Maximum(64 * 1024);
    probe
        .probe(&Hint::new(), stream, FormatOptions::default(), meta)
        .map_err(|error| EngineError::Rejected(UNKNOWN, error.to_string()))
}

#[expect(clippy::cast_precision_loss, reason = "2^53 frames are 1,500 years of audio")]
fn seconds(format: &dyn FormatReader) -> Option<f64> {
    let track = format.default_track(TrackType::Audio)?;
    let rate = track.codec_params.as_ref()?.audio()?.sample_rate;
    match (track.num_frames, rate) {
        (Some(frames), Some(rate)) if rate > 0 => Some(frames as f64 / f64::from(rate)),
        _ => {
            let base = track.time_base?;
            Some(track.duration?.get() as f64 * f64::from(base.numer.get()) / f64::from(base.denom.get()))
        }
    }
}
