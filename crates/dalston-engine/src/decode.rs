//! Audio files, decoded packet by packet: memory does not grow with their length.

use crate::{bounds::decoder, probe::Bounded};
use serde::{Deserialize, Serialize};
use std::{fs::File, io};
use symphonia::core::{
    codecs::audio::AudioDecoder,
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

/// Why audio is not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unfit {
    /// It is of no kind that is known here.
    Unknown,
    /// It is of one, and broken.
    Damaged,
    /// Its rate or its channels are not taken.
    Odd,
}

impl Unfit {
    /// What clients read.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Unknown => "The audio is of a kind that the built-in detection cannot decode",
            Self::Damaged => "The audio is damaged",
            Self::Odd => "The audio has a sample rate or a number of channels that is not taken",
        }
    }
}

/// Why there is nothing more to decode.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// It is the audio. The text is for the log.
    Unfit(Unfit, String),
    /// There is more than was asked for.
    TooLong,
    /// It is the file, or whoever wants to know.
    Io(io::Error),
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

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
    /// Begins with a file that stands at its beginning.
    pub(crate) fn open(file: File) -> Result<Self, Unreadable> {
        let format = probe(file)?;
        let unknown = |why: &str| Unreadable::Unfit(Unfit::Unknown, why.to_owned());
        let track = format.default_track(TrackType::Audio).ok_or_else(|| unknown("no track"))?;
        let params = track.codec_params.as_ref().and_then(|params| params.audio());
        let params = params.ok_or_else(|| unknown("no codec"))?;
        let codec = decoder(params).map_err(|error| unknown(&error.to_string()))?;
        let (track, seconds) = (track.id, seconds(&*format));
        Ok(Self { format, codec, track, seconds, samples: Vec::new() })
    }

    /// The next piece; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Decoded<'_>>, Unreadable> {
        let mut broken = 0;
        loop {
            let packet = match self.format.next_packet() {
                Ok(Some(packet)) if packet.track_id == self.track => packet,
                Ok(Some(_)) => continue,
                Ok(None) => return Ok(None),
                // A file that was cut off is as long as it is.
                Err(Error::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                Err(Error::IoError(error)) => return Err(error.into()),
                Err(error) => return Err(Unreadable::Unfit(Unfit::Damaged, error.to_string())),
            };
            match self.codec.decode(&packet) {
                Ok(audio) if audio.frames() > 0 => {
                    audio.copy_to_vec_interleaved(&mut self.samples);
                    let (rate, channels) = (audio.spec().rate(), audio.spec().channels().count());
                    return Ok(Some(Decoded { rate, channels, samples: &self.samples }));
                }
                Ok(_) => {}
                Err(Error::DecodeError(_) | Error::IoError(_)) if broken < BROKEN => broken += 1,
                Err(error) => return Err(Unreadable::Unfit(Unfit::Damaged, error.to_string())),
            }
        }
    }
}

fn probe(file: File) -> Result<Box<dyn FormatReader>, Unreadable> {
    let file = Bounded::new(file, u64::MAX)?;
    let mut probe = Probe::new_with_options(&ProbeOptions { max_probe_depth: DEPTH, ..ProbeOptions::default() });
    symphonia::default::register_enabled_formats(&mut probe);
    let stream = MediaSourceStream::new(Box::new(file), MediaSourceStreamOptions::default());
    let mut meta = MetadataOptions::default();
    meta.limit_tag_bytes = Limit::Maximum(64 * 1024);
    meta.limit_visual_bytes = Limit::Maximum(64 * 1024);
    probe
        .probe(&Hint::new(), stream, FormatOptions::default(), meta)
        .map_err(|error| Unreadable::Unfit(Unfit::Unknown, error.to_string()))
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
