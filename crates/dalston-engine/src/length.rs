//! Computes the duration of a track from its packets, without decoding them. The duration in a header is only a claim:
//! it is used only when not all packets are read, and only as far as the file's size makes it plausible.

use crate::{
    encoder_padding::Edges,
    opus::OpusHead,
    packets::{OPUS, Packets, pcm_bits},
};
use symphonia::core::{
    codecs::audio::{
        AudioCodecId, AudioCodecParameters,
        well_known::{
            CODEC_ID_AAC, CODEC_ID_AC3, CODEC_ID_ADPCM_G722, CODEC_ID_ADPCM_G726, CODEC_ID_ADPCM_G726LE,
            CODEC_ID_ADPCM_IMA_QT, CODEC_ID_ADPCM_IMA_WAV, CODEC_ID_ADPCM_MS, CODEC_ID_ALAC, CODEC_ID_EAC3,
            CODEC_ID_FLAC, CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3, CODEC_ID_OPUS, CODEC_ID_VORBIS,
        },
    },
    formats::Track,
    packet::Packet,
};

/// Seconds of audio that a file of any size may have: silence takes almost no bytes.
const GRACE: f64 = 600.0;
/// Minimum bytes per second of audio beyond that. A pause in a call takes 25 and more, speech 300 and more.
const LEAST_BYTES: f64 = 16.0;
/// Minimum bytes per second when the duration is only claimed.
const LEAST_CLAIMED: f64 = 500.0;
/// Maximum seconds that a container may trim.
const TRIMMED: f64 = 1.0;

/// Returns the maximum duration in seconds of the audio in a file of this many bytes. No common recording format needs
/// fewer bytes per second, and a small file must not keep an engine busy for hours.
#[expect(clippy::cast_precision_loss, reason = "2^53 bytes are no file")]
pub fn most_seconds(bytes: u64) -> f64 {
    GRACE + bytes as f64 / LEAST_BYTES
}

/// Counts the packets of one track.
pub(crate) struct TrackLength {
    track: u32,
    codec: AudioCodecId,
    /// Parser of the packets' own durations, which take precedence over those of the container.
    own: Option<Packets>,
    rate: f64,
    channels: u64,
    /// Bits per sample, if constant.
    bits: u64,
    /// Duration of a tick in seconds.
    tick: f64,
    /// Encoder delay and padding, which packets contain but which is not audio.
    edges: Edges,
    /// The pre-skip of Opus, in seconds.
    skipped: f64,
    /// Seconds by which the packets' own durations exceed those of the container, and the longest packet.
    beyond: f64,
    longest: f64,
    packets: u64,
    /// Number of packets without a duration.
    silent: u64,
    /// Seconds that the packets state, and the maximum that they can contain.
    told: f64,
    most: f64,
    /// Duration of the last packet in seconds.
    last: f64,
    /// Timestamps of the first and the last packet, in ticks.
    span: Option<(i64, i64)>,
}

impl TrackLength {
    /// Creates a counter for this track. `None`: it has no sample rate.
    pub(crate) fn of(track: &Track, params: &AudioCodecParameters, edges: Edges) -> Option<Self> {
        let rate = f64::from(params.sample_rate.filter(|rate| *rate > 0)?);
        let tick = track.time_base.map(|base| f64::from(base.numer.get()) / f64::from(base.denom.get()));
        Some(Self {
            track: track.id,
            codec: params.codec,
            own: Packets::of(params),
            rate,
            channels: params.channels.as_ref().map_or(1, |channels| channels.count().max(1)) as u64,
            bits: u64::from(bits(params)),
            tick: tick.unwrap_or(1.0 / rate),
            edges,
            skipped: if params.codec == CODEC_ID_OPUS { opus_skip(params) } else { 0.0 },
            beyond: 0.0,
            longest: 0.0,
            packets: 0,
            silent: 0,
            told: 0.0,
            most: 0.0,
            last: 0.0,
            span: None,
        })
    }

    /// Counts a packet of the track; ignores packets of others.
    #[expect(clippy::cast_precision_loss, reason = "a packet has few frames")]
    pub(crate) fn add(&mut self, packet: &Packet) {
        if packet.track_id != self.track {
            return;
        }
        let told = packet.dur.get() as f64 * self.tick;
        let most = self.most_frames(&packet.data) as f64 / self.rate;
        self.last = match self.own.as_mut().and_then(|own| own.seconds(&packet.data)) {
            Some(own) if told <= 0.0 && self.codec == CODEC_ID_OPUS => {
                self.edges.front = self.skipped;
                own
            }
            Some(own) => {
                self.beyond += own - told;
                self.longest = self.longest.max(own);
                own
            }
            None => {
                self.silent += u64::from(told <= 0.0);
                let least = most * adpcm(self.codec).unwrap_or_default();
                told.max(least).min(most)
            }
        };
        self.packets += 1;
        self.told += self.last;
        self.most += most.max(self.last);
        let at = packet.pts.get();
        self.span = Some(self.span.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
    }

    /// Returns the seconds counted so far.
    #[expect(clippy::cast_precision_loss, reason = "2^53 packets are more than there are")]
    pub(crate) fn seconds(&self) -> f64 {
        let seconds = match self.span {
            // If most packets state no duration, compute it from their timestamps.
            Some((first, last)) if self.silent * 2 > self.packets && self.packets > 1 => {
                let packets = self.packets as f64;
                let span = (last.saturating_sub(first)) as f64 * self.tick;
                (span * packets / (packets - 1.0)).min(self.most).max(self.told)
            }
            _ => self.told,
        };
        (seconds - self.edges.front - self.edges.back(seconds) - self.trimmed()).max(0.0)
    }

    /// Whether the packets themselves state their duration, so that the container cannot falsify it.
    pub(crate) fn is_certain(&self) -> bool {
        self.own.is_some() || adpcm(self.codec).is_some()
    }

    /// Returns the seconds that the container trims from the first and last packets: encoder delay and padding.
    /// Believed only if less than one packet plus the pre-skip of the Opus header.
    fn trimmed(&self) -> f64 {
        let is_padded = self.own.as_ref().is_some_and(Packets::are_padded);
        let most = self.longest.min(TRIMMED) + self.skipped;
        if is_padded && (0.0..most).contains(&self.beyond) { self.beyond } else { 0.0 }
    }

    /// The file was cut off, so its padding is missing. Counts the partial packet at the end if the codec has a fixed
    /// number of bits per sample.
    pub(crate) fn cut_off(&mut self, bytes: u64) {
        self.edges.back = 0.0;
        let rest = (self.held(bytes) - self.told).min(self.last);
        if longest(self.codec).is_none() && rest > 0.0 {
            self.told += rest;
        }
    }

    /// Returns the maximum seconds of audio that fit into `bytes`.
    #[expect(clippy::cast_precision_loss, reason = "2^53 bytes are no file")]
    fn held(&self, bytes: u64) -> f64 {
        match longest(self.codec) {
            Some(_) => f64::INFINITY,
            None => bytes as f64 * 8.0 / (self.bits * self.channels) as f64 / self.rate,
        }
    }

    /// Returns the maximum number of frames in a packet.
    fn most_frames(&self, packet: &[u8]) -> u64 {
        match longest(self.codec) {
            Some(frames) => frames,
            None => packet.len() as u64 * 8 / (self.bits * self.channels),
        }
    }

    /// Returns the duration in seconds of a file that was counted partly: the one that its header claims, as far as it
    /// is plausible.
    #[expect(clippy::cast_precision_loss, reason = "2^53 bytes are no file")]
    pub(crate) fn plausible_claim(&self, claimed: Option<f64>, bytes: u64) -> Option<f64> {
        let held = self.held(bytes);
        let claimed = claimed.or(Some(held).filter(|held| held.is_finite()))?.min(held);
        (claimed >= self.seconds() && claimed * LEAST_CLAIMED <= bytes as f64).then_some(claimed)
    }
}

/// Returns the bits per sample if constant; the lowest possible number if unknown.
fn bits(params: &AudioCodecParameters) -> u32 {
    match params.codec {
        CODEC_ID_ADPCM_G726 | CODEC_ID_ADPCM_G726LE => 2,
        CODEC_ID_ADPCM_G722 | CODEC_ID_ADPCM_MS | CODEC_ID_ADPCM_IMA_WAV | CODEC_ID_ADPCM_IMA_QT => 4,
        codec => pcm_bits(codec).or(params.bits_per_coded_sample).filter(|bits| (1..=64).contains(bits)).unwrap_or(4),
    }
}

/// Returns how many of the frames that the bytes of an ADPCM packet could hold it holds at least, as a share: block
/// headers take the rest. `None`: another codec.
const fn adpcm(codec: AudioCodecId) -> Option<f64> {
    match codec {
        CODEC_ID_ADPCM_G722 | CODEC_ID_ADPCM_G726 | CODEC_ID_ADPCM_G726LE => Some(1.0),
        CODEC_ID_ADPCM_IMA_QT => Some(64.0 / 68.0),
        // Blocks are at least long enough that headers take no more than the rest.
        CODEC_ID_ADPCM_MS | CODEC_ID_ADPCM_IMA_WAV => Some(0.85),
        _ => None,
    }
}

/// Returns the maximum number of frames in a packet of a codec. `None`: limited only by its bytes.
const fn longest(codec: AudioCodecId) -> Option<u64> {
    match codec {
        CODEC_ID_OPUS => Some(OPUS),
        CODEC_ID_MP1 | CODEC_ID_MP2 | CODEC_ID_MP3 => Some(1_152),
        CODEC_ID_AC3 | CODEC_ID_EAC3 => Some(1_536),
        // HE-AAC: 1,024 frames of the core are 2,048 at the rate of the container.
        CODEC_ID_AAC => Some(2_048),
        CODEC_ID_VORBIS => Some(8_192),
        CODEC_ID_ALAC => Some(16_384),
        CODEC_ID_FLAC => Some(65_535),
        _ => None,
    }
}

/// Returns the pre-skip of Opus in seconds, from its header.
fn opus_skip(params: &AudioCodecParameters) -> f64 {
    let header = params.extra_data.as_deref().and_then(|header| OpusHead::of(header, 1));
    header.map_or(0.0, |header| f64::from(header.skip) / 48_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use symphonia::core::{
        codecs::audio::well_known::CODEC_ID_PCM_S16LE,
        units::{Duration, Timestamp},
    };

    #[test]
    fn a_claim_counts_only_as_far_as_the_bytes_bear_it() {
        let mut params = AudioCodecParameters::new();
        params.for_codec(CODEC_ID_MP3).with_sample_rate(16_000);
        let mp3 = TrackLength::of(&Track::new(0), &params, Edges::default()).unwrap();
        assert_eq!(mp3.plausible_claim(Some(3_600.0), 8_000_000), Some(3_600.0));
        assert_eq!(mp3.plausible_claim(Some(2_678_400.0), 100_000_000), None, "a month");
        assert_eq!(mp3.plausible_claim(None, 8_000_000), None);
        params.for_codec(CODEC_ID_PCM_S16LE).with_bits_per_coded_sample(16);
        let mut pcm = TrackLength::of(&Track::new(0), &params, Edges::default()).unwrap();
        assert_eq!(pcm.plausible_claim(Some(62_500.0), 96_000_000), Some(3_000.0));
        assert_eq!(pcm.plausible_claim(None, 96_000_000), Some(3_000.0));
        pcm.told = 10.0;
        assert_eq!(pcm.plausible_claim(Some(9.0), 96_000_000), None, "less than was counted");
    }

    #[test]
    fn a_packet_is_never_longer_than_its_codec_makes_them() {
        for (codec, bytes, most) in [
            (CODEC_ID_FLAC, 9, 65_535.0),
            (CODEC_ID_MP3, 9, 1_152.0),
            (CODEC_ID_ADPCM_IMA_QT, 34, 68.0),
            (CODEC_ID_PCM_S16LE, 64, 32.0),
        ] {
            let mut params = AudioCodecParameters::new();
            params.for_codec(codec).with_sample_rate(1_000).with_bits_per_coded_sample(16);
            let mut tally = TrackLength::of(&Track::new(0), &params, Edges::default()).unwrap();
            tally.add(&Packet::new(0, Timestamp::ZERO, Duration::from(u64::MAX), vec![0; bytes]));
            assert!((tally.seconds() * 1_000.0 - most).abs() < 1e-6, "{codec:?}");
            tally.add(&Packet::new(1, Timestamp::ZERO, Duration::from(1_u64), vec![0; bytes]));
            assert!((tally.seconds() * 1_000.0 - most).abs() < 1e-6, "of another track");
        }
    }

    #[test]
    fn where_packets_say_nothing_their_times_do() {
        let mut params = AudioCodecParameters::new();
        params.for_codec(CODEC_ID_AC3).with_sample_rate(1_000);
        let mut tally = TrackLength::of(&Track::new(0), &params, Edges::default()).unwrap();
        for at in 0..10 {
            tally.add(&Packet::new(0, Timestamp::new(at * 1_024), Duration::ZERO, vec![0; 9]));
        }
        assert!((tally.seconds() - 10.24).abs() < 1e-9, "{}", tally.seconds());
    }
}
