//! Probes an uploaded file: detects its format, codec and duration with symphonia.

use crate::codec::{matroska, title, unread};
use crate::cut::{Reach, reach};
use crate::mp4::{Movie, movie};
use crate::{
    about::{About, FileEnding},
    adts::has_one_rate,
    correction::Correction,
    count::PacketCount,
    decoder_limits::decoder,
    encoder_padding::Edit,
    format::AudioFormat,
    iff,
    matroska::default_track,
    wav,
};
use dalston_work::Audio;
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
};
use symphonia::core::{
    codecs::audio::{AudioCodecParameters, AudioDecoder},
    common::Limit,
    errors::Error,
    formats::{
        FormatOptions, FormatReader, Track, TrackType,
        probe::{Hint, Probe, ProbeOptions},
    },
    io::{MediaSource, MediaSourceStream, MediaSourceStreamOptions},
    meta::MetadataOptions,
    units::{Duration, TimeBase},
};

/// Maximum offset of the format header in bytes: some MP3 files are padded. What looks like a header further on is a
/// coincidence.
const MAX_HEADER_OFFSET: u32 = 16 * 1024;
/// Maximum number of bytes that a probe reads: headers, the tables of long MP4 files, pictures that are skipped.
const READ_BUDGET: u64 = 64 * 1024 * 1024;
/// Bytes at the beginning of a file that are searched for its format and codec when no demuxer accepts it.
const HEAD: u64 = 64 * 1024;
/// Maximum number of packets that a probe counts: enough for six hours or more.
const MAX_COUNTED_PACKETS: u64 = 1 << 20;
/// Maximum number of consecutive tags that are skipped.
const TAGS: usize = 16;
/// Length of a run of zeros that counts as padding: at least the start of the range; at most its end is skipped.
const PADDING: std::ops::Range<u64> = 64..16 << 20;
/// Number of packets that must decode before a file counts as audio: a sync word occurs by coincidence, four valid
/// frames in a row do not.
const MIN_DECODED_PACKETS: usize = 4;

/// The result of a probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbedAudio {
    /// Format and duration, as far as they are known.
    pub audio: Audio,
    /// Display name of the codec or format that the built-in engine cannot decode. `None`: it can decode the file.
    pub foreign: Option<String>,
}

/// Probes a file: reads its format from its beginning, and its duration from the packets of its first 64 MiB. Returns
/// `None` when it is no known audio or video format. A malicious file may cause a panic or exhaust the memory: call
/// this in a separate process only, see [`Decoders`](crate::Decoders).
pub fn probe(file: File) -> io::Result<Option<ProbedAudio>> {
    let mut source = Bounded::new(file, READ_BUDGET)?;
    let head = source.head()?;
    let foreign = |format: &str, codec: String| {
        let audio = Audio { format: format.to_owned(), ..Audio::default() };
        ProbedAudio { audio, foreign: Some(codec) }
    };
    if let Some(format) = AudioFormat::foreign(&head) {
        return Ok(format.foreign.map(|title| foreign(format.name, title.to_owned())));
    }
    let sample = source.sample;
    Ok(match identify(source, &head) {
        DemuxerOutput::Audio(found) => Some(found),
        DemuxerOutput::Damaged => None,
        DemuxerOutput::Unread => unread(&head, sample).map(|(format, codec)| foreign(format, codec)),
    })
}

/// Counts the packets of a whole file. Returns the duration of its audio in seconds, or a value above `most` when it is
/// longer than that; `None` when the duration cannot be determined. A malicious file is as dangerous as for [`probe`].
pub(crate) fn count(file: File, most: f64) -> io::Result<Option<f64>> {
    Ok(counted(Bounded::new(file, u64::MAX)?, most))
}

fn counted(mut source: Bounded, most: f64) -> Option<f64> {
    // Reject formats that we do not decode: a demuxer may find a matching pattern in them by coincidence.
    if AudioFormat::foreign(&source.head().ok()?).is_some() {
        return None;
    }
    let bytes = source.about();
    let mut format = open(source)?;
    let mut count = PacketCount::of(&*format, bytes);
    let read = count.finish(&mut *format, u64::MAX, most);
    let counted = count.counted();
    if counted > most { Some(counted) } else { count.seconds(read, None) }
}

pub(crate) fn open(source: Bounded) -> Option<Box<dyn FormatReader>> {
    let mut probe =
        Probe::new_with_options(&ProbeOptions { max_probe_depth: MAX_HEADER_OFFSET, ..ProbeOptions::default() });
    symphonia::default::register_enabled_formats(&mut probe);
    let stream = MediaSourceStream::new(Box::new(source), MediaSourceStreamOptions::default());
    let mut meta = MetadataOptions::default();
    meta.limit_tag_bytes = Limit::Maximum(64 * 1024);
    meta.limit_visual_bytes = Limit::Maximum(64 * 1024);
    probe.probe(&Hint::new(), stream, FormatOptions::default(), meta).ok()
}

/// What a demuxer finds in a file.
enum DemuxerOutput {
    Audio(ProbedAudio),
    /// The codec is known, but the data cannot be decoded.
    Damaged,
    /// The container is unknown, or it has no audio track with a known codec.
    Unread,
}

fn identify(source: Bounded, head: &[u8]) -> DemuxerOutput {
    let bytes = source.about();
    let is_big_endian = bytes.is_big_endian;
    let Some(mut format) = open(source) else { return DemuxerOutput::Unread };
    let track = voice(&*format, &bytes);
    let params = track.and_then(|track| track.codec_params.as_ref()?.audio());
    let (Some(track), Some(params)) = (track, params.cloned()) else { return DemuxerOutput::Unread };
    let id = track.id;
    // A header may contain a sample rate or a channel count of zero, and no decoder rejects it.
    let sounds = params.sample_rate.is_some_and(|rate| rate > 0)
        && params.channels.as_ref().is_none_or(|channels| channels.count() > 0);
    if !sounds {
        return DemuxerOutput::Damaged;
    }
    let claimed = claimed(&*format, track, &params);
    let mut count = PacketCount::of(&*format, bytes);
    let foreign = match decoder(&params, is_big_endian) {
        Ok(mut decoder) => {
            if !first_packets_decode(&mut *format, id, &mut *decoder, &mut count) {
                return DemuxerOutput::Damaged;
            }
            None
        }
        Err(Error::Unsupported(_)) => Some(title(params.codec).to_owned()),
        Err(_) => return DemuxerOutput::Damaged,
    };
    let read = count.finish(&mut *format, MAX_COUNTED_PACKETS, f64::INFINITY);
    let seconds = count.seconds(read, claimed);
    let audio = Audio {
        format: name(format.format_info().short_name, head).to_owned(),
        duration_seconds: seconds.map(thousandths),
        sample_rate: params.sample_rate,
        channels: params.channels.as_ref().and_then(|channels| u32::try_from(channels.count()).ok()),
    };
    DemuxerOutput::Audio(ProbedAudio { audio, foreign })
}

/// Returns the audio track that is decoded: the one that the container marks as default, else the demuxer's default.
pub(crate) fn voice<'a>(format: &'a dyn FormatReader, about: &About) -> Option<&'a Track> {
    let is_chosen = |track: &&Track| Some(track.id) == about.track && track.codec_params.is_some();
    format.tracks().iter().find(is_chosen).or_else(|| format.default_track(TrackType::Audio))
}

/// Whether the first packets of the track decode. Adds all packets that it reads to `count`.
fn first_packets_decode(
    format: &mut dyn FormatReader,
    track: u32,
    decoder: &mut dyn AudioDecoder,
    count: &mut PacketCount,
) -> bool {
    let mut played = 0;
    while played < MIN_DECODED_PACKETS {
        match format.next_packet() {
            Ok(Some(packet)) => {
                count.add(&packet);
                if packet.track_id == track {
                    if decoder.decode(&packet).is_err() {
                        return false;
                    }
                    played += 1;
                }
            }
            // A file may have fewer than four packets, but not none.
            Ok(None) => return played > 0,
            Err(Error::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return played > 0,
            Err(_) => return false,
        }
    }
    true
}

/// Returns the duration of a track in seconds as its headers claim it. A duration of zero counts as absent.
#[expect(clippy::cast_precision_loss, reason = "2^53 frames are 1,500 years of audio")]
pub(crate) fn claimed(format: &dyn FormatReader, track: &Track, params: &AudioCodecParameters) -> Option<f64> {
    let seconds = |base: Option<TimeBase>, duration: Option<Duration>| {
        let base = base?;
        Some(duration?.get() as f64 * f64::from(base.numer.get()) / f64::from(base.denom.get()))
    };
    let frames = track.num_frames.zip(params.sample_rate.filter(|rate| *rate > 0));
    let of_frames = frames.map(|(frames, rate)| frames as f64 / f64::from(rate));
    let of_track = seconds(track.time_base, track.duration);
    // Matroska stores the duration of the whole file only.
    let of_media = seconds(format.media_info().time_base, format.media_info().duration);
    [of_frames, of_track, of_media].into_iter().flatten().find(|seconds| *seconds > 0.0)
}

/// Rounds a duration in seconds to whole milliseconds, at least one.
fn thousandths(seconds: f64) -> f64 {
    (seconds * 1_000.0).round().max(1.0) / 1_000.0
}

/// Returns our name of a format, from the name of its demuxer and the first bytes of the file.
fn name<'a>(demuxer: &'a str, head: &[u8]) -> &'a str {
    match demuxer {
        "wave" => "wav",
        "isomp4" => "mp4",
        "matroska" => matroska(head),
        other => other,
    }
}

/// A file as the demuxer sees it: without leading tags, with a limit on the bytes read, and with [`Correction`]s
/// applied to what is read.
pub(crate) struct Bounded {
    file: File,
    /// Offset in bytes at which the audio file begins, behind the leading tags, which no program reads as audio.
    start: u64,
    length: u64,
    /// Length that the headers claim. The demuxer believes it, and reads only what exists.
    reach: u64,
    /// Whether other data follows the audio file.
    is_followed: bool,
    /// Whether the sample rate never changes within the file.
    is_even: bool,
    budget: u64,
    /// Offset in the file of the next byte to read.
    at: u64,
    corrections: Vec<Correction>,
    /// Sample format (four-character code) of the audio of an MP4, and whether the samples are big-endian.
    sample: Option<[u8; 4]>,
    is_big_endian: bool,
    /// The edit lists of an MP4's tracks.
    edits: Vec<Edit>,
    /// Number of the default track of a Matroska file.
    track: Option<u32>,
}

impl Bounded {
    /// Wraps a file that is positioned at its beginning. Gets its length by seeking: the sandbox does not allow `stat`.
    pub(crate) fn new(mut file: File, budget: u64) -> io::Result<Self> {
        let length = file.seek(SeekFrom::End(0))?;
        let start = tags(&mut file)?.min(length);
        let (budget, Movie { mut corrections, sample, is_big_endian, edits }) = match movie(&mut file, start, length) {
            Ok(movie) => (budget, movie),
            // The file is built to mislead demuxers. With a budget of zero nothing is read, so its format is unknown.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => (0, Movie::default()),
            Err(error) => return Err(error),
        };
        corrections.append(&mut wav::corrections(&mut file, start, length)?);
        corrections.append(&mut iff::corrections(&mut file, start, length)?);
        let Reach { end, is_followed, corrections: mut of_cut } = reach(&mut file, start, length)?;
        corrections.append(&mut of_cut);
        let length = length.min(end);
        let track = default_track(&mut file, start)?;
        let is_even = has_one_rate(&mut file, start, length)?;
        let at = file.seek(SeekFrom::Start(start))?;
        Ok(Self {
            file,
            start,
            length: length - start,
            reach: end - start,
            is_followed,
            is_even,
            budget,
            at,
            corrections,
            sample,
            is_big_endian,
            edits,
            track,
        })
    }

    /// Returns what is known about the file before a demuxer opens it.
    pub(crate) fn about(&self) -> About {
        let ending = if self.is_followed {
            FileEnding::Followed
        } else if self.reach > self.length {
            FileEnding::CutOff
        } else {
            FileEnding::Whole
        };
        About {
            length: self.length,
            ending,
            is_even: self.is_even,
            is_big_endian: self.is_big_endian,
            edits: self.edits.clone(),
            track: self.track,
        }
    }

    /// Returns the first bytes of the file and rewinds it.
    fn head(&mut self) -> io::Result<Vec<u8>> {
        let mut head = Vec::new();
        self.file.by_ref().take(HEAD).read_to_end(&mut head)?;
        self.rewind()?;
        Ok(head)
    }
}

/// Returns the total length in bytes of the tags (ID3, APE) at the beginning of a file; they may contain pictures.
/// Zeros behind the tags, or in their place, are padding.
fn tags(file: &mut File) -> io::Result<u64> {
    let mut length = 0;
    for _ in 0..TAGS {
        file.seek(SeekFrom::Start(length))?;
        let mut head = Vec::new();
        file.take(16).read_to_end(&mut head)?;
        length += match head.as_slice() {
            [b'I', b'D', b'3', _, _, flags, a, b, c, d, ..] => {
                let size = [a, b, c, d].iter().fold(0, |size, byte| size << 7 | u64::from(**byte & 127));
                let footer = if flags & 0x10 == 0 { 0 } else { 10 };
                10 + size + footer
            }
            // The size field counts everything behind the header.
            [b'A', b'P', b'E', b'T', b'A', b'G', b'E', b'X', _, _, _, _, a, b, c, d] => {
                32 + u64::from(u32::from_le_bytes([*a, *b, *c, *d]))
            }
            [0, ..] => match zeros(file, length)? {
                0 => break,
                zeros => zeros,
            },
            _ => break,
        };
    }
    Ok(length)
}

/// Returns the number of zeros from there on if they are padding, else 0. Three of the zeros in front of `ftyp` belong
/// to the size field of an MP4.
fn zeros(file: &mut File, from: u64) -> io::Result<u64> {
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = BufReader::new(file.take(PADDING.end + 5)).bytes();
    let (mut zeros, mut behind) = (0, Vec::new());
    while let Some(byte) = bytes.next().transpose()? {
        if byte == 0 && behind.is_empty() {
            zeros += 1;
        } else {
            behind.push(byte);
            if behind.len() == 5 {
                break;
            }
        }
    }
    let own = if behind.get(1..) == Some(&b"ftyp"[..]) { 3 } else { 0 };
    Ok(if PADDING.contains(&zeros) { zeros - own } else { 0 })
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from((self.start + self.length).saturating_sub(self.at)).unwrap_or(usize::MAX);
        let most = buffer.len().min(left);
        let read = self.file.read(&mut buffer[..most])?;
        self.budget = self
            .budget
            .checked_sub(read as u64)
            .ok_or_else(|| io::Error::new(io::ErrorKind::QuotaExceeded, "the probe has read enough"))?;
        for correction in &self.corrections {
            correction.apply(self.at, &mut buffer[..read]);
        }
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Bounded {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(at) => SeekFrom::Start(self.start.saturating_add(at)),
            SeekFrom::End(by) => SeekFrom::Start(self.start.saturating_add(self.reach).saturating_add_signed(by)),
            other @ SeekFrom::Current(_) => other,
        };
        self.at = self.file.seek(to)?;
        Ok(self.at.saturating_sub(self.start))
    }
}

impl MediaSource for Bounded {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.reach)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// Probes a file.
    fn found(bytes: &[u8]) -> Option<ProbedAudio> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        probe(file).unwrap()
    }

    fn read(bytes: &[u8]) -> Option<Audio> {
        found(bytes).map(|found| found.audio)
    }

    /// Reads a test fixture and returns its duration in seconds.
    macro_rules! seconds {
        ($name:literal) => {
            read(include_bytes!(concat!("../../../tests/fixtures/", $name))).unwrap().duration_seconds
        };
    }

    /// Whether a duration is correct within 0.01 seconds.
    fn near(seconds: Option<f64>, right: f64) -> bool {
        seconds.is_some_and(|seconds| (seconds - right).abs() <= right / 100.0)
    }

    #[test]
    fn a_length_is_what_is_there_and_not_what_a_header_says() {
        for (name, seconds, right) in [
            ("fragmented MP4", seconds!("safari-fragmented.mp4"), 1.792),
            ("FLAC of one sample", seconds!("flac-says-1-sample.flac"), 1.6),
            ("WAV of 2e9 bytes", seconds!("wav-size-2e9.wav"), 1.6),
            ("WAV without a size", seconds!("wav-size-ffffffff.wav"), 1.6),
            ("WAV of a size that streams have", seconds!("wav-size-7fffffff.wav"), 1.6),
            ("RF64", seconds!("rf64.wav"), 1.6),
            ("MP3 of a changing rate", seconds!("vbr-no-xing.mp3"), 1.6457),
            ("WebM of a browser", seconds!("mediarecorder.webm"), 1.6),
            ("Ogg Opus", seconds!("telegram-voice.oga"), 1.6),
        ] {
            assert!(near(seconds, right), "{name}: {seconds:?}");
        }
    }

    #[test]
    fn what_is_not_decoded_here_is_named_and_of_unknown_length() {
        for (bytes, format, codec) in [
            (&include_bytes!("../../../tests/fixtures/phone.amr")[..], "amr", "AMR"),
            (include_bytes!("../../../tests/fixtures/ulaw.au"), "au", "AU"),
            (include_bytes!("../../../tests/fixtures/gsm.wav"), "wav", "GSM 6.10"),
            (include_bytes!("../../../tests/fixtures/mp3-in.wav"), "wav", "MP3"),
            (include_bytes!("../../../tests/fixtures/aac.ts"), "mpegts", "MPEG-TS"),
        ] {
            let tagged = [b"ID3\x03\0\0\0\0\0\x05abcde", bytes].concat();
            for bytes in [bytes, &tagged] {
                let found = found(bytes).unwrap();
                let right = Audio { format: format.to_owned(), ..Audio::default() };
                assert_eq!((found.audio, found.foreign.as_deref()), (right, Some(codec)));
            }
        }
        let audio = found(include_bytes!("../../../tests/fixtures/tone.mp3")).unwrap();
        assert_eq!((audio.audio.format.as_str(), audio.foreign), ("mp3", None));
    }

    #[test]
    fn nothing_is_counted_of_what_is_not_read_here() {
        // A demuxer would find an MP3 frame in this file.
        let mp3 = include_bytes!("../../../tests/fixtures/tone.mp3");
        for front in [&b"\x7f\xfe\x80\x01"[..], b"FLV\x01", b".snd"] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&[front, &[0; 60], mp3].concat()).unwrap();
            file.rewind().unwrap();
            assert_eq!(count(file, f64::INFINITY).unwrap(), None);
        }
    }

    #[test]
    fn a_file_that_was_cut_off_is_as_long_as_it_is() {
        for (name, whole) in [
            ("WAV", &include_bytes!("../../../tests/fixtures/wav-size-2e9.wav")[..]),
            ("MP3", include_bytes!("../../../tests/fixtures/vbr-no-xing.mp3")),
            ("FLAC", include_bytes!("../../../tests/fixtures/flac-says-1-sample.flac")),
        ] {
            let seconds = read(&whole[..whole.len() / 2]).unwrap().duration_seconds;
            assert!(seconds.is_some_and(|seconds| (0.2..1.2).contains(&seconds)), "{name}: {seconds:?}");
        }
    }
}
