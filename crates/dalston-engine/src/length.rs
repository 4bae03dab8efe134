//! How long audio is, told by its packets and without decoding them. What a header says of it is a claim, which is taken
//! only where not all packets are read, and only as far as the bytes bear it.

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

/// Seconds of audio that a file may hold whatever its size: silence takes next to nothing.
const GRACE: f64 = 600.0;
/// Bytes of a second of audio beyond these, at the least. A pause in a call takes 25 and more, speech 300 and more.
const LEAST_BYTES: f64 = 16.0;
/// Bytes of a second, at the least, where the length is only claimed.
const LEAST_CLAIMED: f64 = 500.0;
/// Seconds that a container may leave out, at the most.
const TRIMMED: f64 = 1.0;

/// The greatest length in seconds that audio in a file of this many bytes can have. No format that people record in
/// needs fewer bytes, and a few bytes must not cost an engine hours.
#[expect(clippy::cast_precision_loss, reason = "2^53 bytes are no file")]
pub fn most_seconds(bytes: u64) -> f64 {
    GRACE + bytes as f64 / LEAST_BYTES
}

/// Packets of one track, counted.
pub(crate) struct TrackLength {
    track: u32,
    codec: AudioCodecId,
    /// Packets that tell themselves how long they are, which counts more than what their container says.
    own: Option<Packets>,
    rate: f64,
    channels: u64,
    /// Bits of a sample, where each has as many.
    bits: u64,
    /// Seconds of a tick.
    tick: f64,
    /// Seconds that are no audio, though packets hold them.
    edges: Edges,
    /// The same as the front edge, of Opus.
    skipped: f64,
    /// Seconds by which packets are longer by their own bytes than by their container, and the longest of them.
    beyond: f64,
    longest: f64,
    packets: u64,
    /// Packets that do not say how long they are.
    silent: u64,
    /// Seconds that the packets say that they hold, and that they can hold at most.
    told: f64,
    most: f64,
    /// Seconds of the last one.
    last: f64,
    /// When the first packet begins, and the last, in ticks.
    span: Option<(i64, i64)>,
}

impl TrackLength {
    /// Of this track. `None`: it has no sample rate.
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

    /// Counts a packet of the track; others are passed over.
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

    /// Seconds of what was counted.
    #[expect(clippy::cast_precision_loss, reason = "2^53 packets are more than there are")]
    pub(crate) fn seconds(&self) -> f64 {
        let seconds = match self.span {
            // Where most do not say it, the times at which they begin do.
            Some((first, last)) if self.silent * 2 > self.packets && self.packets > 1 => {
                let packets = self.packets as f64;
                let span = (last.saturating_sub(first)) as f64 * self.tick;
                (span * packets / (packets - 1.0)).min(self.most).max(self.told)
            }
            _ => self.told,
        };
        (seconds - self.edges.front - self.edges.back(seconds) - self.trimmed()).max(0.0)
    }

    /// Whether packets tell how long they are, so that a container cannot lie about it.
    pub(crate) fn is_certain(&self) -> bool {
        self.own.is_some() || adpcm(self.codec).is_some()
    }

    /// Seconds that a container leaves out of its first and last packets: what encoders have put before and behind the
    /// audio. It is believed of less than one packet, and of what the header of Opus has it skip.
    fn trimmed(&self) -> f64 {
        let is_padded = self.own.as_ref().is_some_and(Packets::are_padded);
        let most = self.longest.min(TRIMMED) + self.skipped;
        if is_padded && (0.0..most).contains(&self.beyond) { self.beyond } else { 0.0 }
    }

    /// The file was cut off: what stands behind the audio is not there. Counts the beginning of a packet at which it was,
    /// where each byte of it is audio.
    pub(crate) fn cut_off(&mut self, bytes: u64) {
        self.edges.back = 0.0;
        let rest = (self.held(bytes) - self.told).min(self.last);
        if longest(self.codec).is_none() && rest > 0.0 {
            self.told += rest;
        }
    }

    /// The greatest length of audio, in seconds, that fits into `bytes`.
    #[expect(clippy::cast_precision_loss, reason = "2^53 bytes are no file")]
    fn held(&self, bytes: u64) -> f64 {
        match longest(self.codec) {
            Some(_) => f64::INFINITY,
            None => bytes as f64 * 8.0 / (self.bits * self.channels) as f64 / self.rate,
        }
    }

    /// Frames that a packet can hold at most.
    fn most_frames(&self, packet: &[u8]) -> u64 {
        match longest(self.codec) {
            Some(frames) => frames,
            None => packet.len() as u64 * 8 / (self.bits * self.channels),
        }
    }

    /// The seconds of a file of which not all was counted: those that a header claims, as far as it can be believed.
    #[expect(clippy::cast_precision_loss, reason = "2^53 bytes are no file")]
    pub(crate) fn plausible_claim(&self, claimed: Option<f64>, bytes: u64) -> Option<f64> {
        let held = self.held(bytes);
        let claimed = claimed.or(Some(held).filter(|held| held.is_finite()))?.min(held);
        (claimed >= self.seconds() && claimed * LEAST_CLAIMED <= bytes as f64).then_some(claimed)
    }
}

/// Bits of a sample where each has as many; where that is not known, as few as there may be.
fn bits(params: &AudioCodecParameters) -> u32 {
    match params.codec {
        CODEC_ID_ADPCM_G726 | CODEC_ID_ADPCM_G726LE => 2,
        CODEC_ID_ADPCM_G722 | CODEC_ID_ADPCM_MS | CODEC_ID_ADPCM_IMA_WAV | CODEC_ID_ADPCM_IMA_QT => 4,
        codec => pcm_bits(codec).or(params.bits_per_coded_sample).filter(|bits| (1..=64).contains(bits)).unwrap_or(4),
    }
}

/// Of the frames that the bytes of a packet of ADPCM can hold, the share that it does hold, at the least: the rest are
/// heads. `None`: it is another codec.
const fn adpcm(codec: AudioCodecId) -> Option<f64> {
    match codec {
        CODEC_ID_ADPCM_G722 | CODEC_ID_ADPCM_G726 | CODEC_ID_ADPCM_G726LE => Some(1.0),
        CODEC_ID_ADPCM_IMA_QT => Some(64.0 / 68.0),
        // Blocks are at least so long that heads are no more of them.
        CODEC_ID_ADPCM_MS | CODEC_ID_ADPCM_IMA_WAV => Some(0.85),
        _ => None,
    }
}

/// The frames of the longest packet of a codec. `None`: as many as its bytes hold.
const fn longest(codec: AudioCodecId) -> Option<u64> {
    match codec {
        CODEC_ID_OPUS => Some(OPUS),
        CODEC_ID_MP1 | CODEC_ID_MP2 | CODEC_ID_MP3 => Some(1_152),
        CODEC_ID_AC3 | CODEC_ID_EAC3 => Some(1_536),
        // Twice its own, where the rate is that of the container.
        CODEC_ID_AAC => Some(2_048),
        CODEC_ID_VORBIS => Some(8_192),
        CODEC_ID_ALAC => Some(16_384),
        CODEC_ID_FLAC => Some(65_535),
        _ => None,
    }
}

/// Seconds at the beginning of Opus that are not heard, as its header tells them.
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
