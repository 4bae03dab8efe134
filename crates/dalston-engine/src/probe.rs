//! What an uploaded file is: read from its headers with symphonia.

use crate::bounds::decoder;
use dalston_model::Audio;
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};
use symphonia::core::{
    codecs::audio::AudioCodecParameters,
    common::Limit,
    errors::Error,
    formats::{
        FormatOptions, FormatReader, TrackType,
        probe::{Hint, Probe, ProbeOptions},
    },
    io::{MediaSource, MediaSourceStream, MediaSourceStreamOptions},
    meta::MetadataOptions,
};

/// A header may begin this late: some MP3 files are padded. Further on it is chance, not a header.
const DEPTH: u32 = 16 * 1024;
/// A probe reads at most so much: headers, the tables of long MP4 files, pictures that are skipped.
const READ_BUDGET: u64 = 64 * 1024 * 1024;
/// Packets that must decode before a file counts as audio: a sync word occurs by chance, four frames in a row do not.
const PACKETS: usize = 4;

/// Reads what a file is, from its beginning. `None` when it is no audio that is known here. A hostile file may make it
/// panic, or take all memory: it belongs into a process of its own, see [`Decoders`](crate::Decoders).
pub fn probe(file: File) -> io::Result<Option<Audio>> {
    Ok(identify(Bounded::new(file, READ_BUDGET)?))
}

fn identify(source: Bounded) -> Option<Audio> {
    let mut probe = Probe::new_with_options(&ProbeOptions { max_probe_depth: DEPTH, ..ProbeOptions::default() });
    symphonia::default::register_enabled_formats(&mut probe);
    let stream = MediaSourceStream::new(Box::new(source), MediaSourceStreamOptions::default());
    let mut meta = MetadataOptions::default();
    meta.limit_tag_bytes = Limit::Maximum(64 * 1024);
    meta.limit_visual_bytes = Limit::Maximum(64 * 1024);
    let mut format = probe.probe(&Hint::new(), stream, FormatOptions::default(), meta).ok()?;
    let track = format.default_track(TrackType::Audio)?;
    let (id, params) = (track.id, track.codec_params.as_ref()?.audio()?.clone());
    // A header may say zero, which no decoder minds.
    let sounds = params.sample_rate.is_some_and(|rate| rate > 0)
        && params.channels.as_ref().is_none_or(|channels| channels.count() > 0);
    let audio = Audio {
        format: name(format.format_info().short_name),
        duration_seconds: duration(track, &params),
        sample_rate: params.sample_rate,
        channels: params.channels.as_ref().and_then(|channels| u32::try_from(channels.count()).ok()),
    };
    (sounds && plays(&mut *format, id, &params)).then_some(audio)
}

/// Whether the first packets decode. A codec that is not built in (Opus) is believed to its container.
fn plays(format: &mut dyn FormatReader, track: u32, params: &AudioCodecParameters) -> bool {
    let mut decoder = match decoder(params) {
        Ok(decoder) => decoder,
        Err(Error::Unsupported(_)) => return true,
        Err(_) => return false,
    };
    let mut played = 0;
    while played < PACKETS {
        match format.next_packet() {
            Ok(Some(packet)) if packet.track_id == track => match decoder.decode(&packet) {
                Ok(_) => played += 1,
                Err(_) => return false,
            },
            Ok(Some(_)) => {}
            // A file may be shorter than four packets, but not empty.
            Ok(None) => return played > 0,
            Err(Error::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return played > 0,
            Err(_) => return false,
        }
    }
    true
}

fn duration(track: &symphonia::core::formats::Track, params: &AudioCodecParameters) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "2^53 frames are 1,500 years of audio")]
    let seconds = match (track.num_frames, params.sample_rate) {
        (Some(frames), Some(rate)) if rate > 0 => frames as f64 / f64::from(rate),
        _ => {
            let base = track.time_base?;
            track.duration?.get() as f64 * f64::from(base.numer.get()) / f64::from(base.denom.get())
        }
    };
    Some((seconds * 1_000.0).round() / 1_000.0)
}

fn name(format: &str) -> String {
    match format {
        "wave" => "wav",
        "isomp4" => "mp4",
        other => other,
    }
    .to_owned()
}

/// A file of which only so much is read, wherever.
pub(crate) struct Bounded {
    file: File,
    length: u64,
    budget: u64,
}

impl Bounded {
    /// A file that stands at its beginning. What its length is, is asked of the file itself: a process that may decode and
    /// nothing else may not ask the system for it.
    pub(crate) fn new(mut file: File, budget: u64) -> io::Result<Self> {
        let length = file.seek(SeekFrom::End(0))?;
        file.rewind()?;
        Ok(Self { file, length, budget })
    }
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.budget = self
            .budget
            .checked_sub(read as u64)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the probe has read enough"))?;
        Ok(read)
    }
}

impl Seek for Bounded {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl MediaSource for Bounded {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.length)
    }
}
