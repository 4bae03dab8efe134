//! Packet durations from the packets' own bytes: the audio that a decoder yields, whatever the tables of the container
//! state.

mod aac;
mod alac;
mod flac;
mod mpeg;
mod opus;
mod pcm;
mod vorbis;

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod tests;

pub(crate) use aac::core as aac_core;
pub(crate) use opus::MOST as OPUS;
pub(crate) use pcm::bits as pcm_bits;

use aac::Aac;
use alac::Alac;
use flac::Flac;
use mpeg::Mpeg;
use pcm::Pcm;
use symphonia::core::codecs::audio::{
    AudioCodecParameters,
    well_known::{
        CODEC_ID_AAC, CODEC_ID_ALAC, CODEC_ID_FLAC, CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3, CODEC_ID_OPUS,
        CODEC_ID_VORBIS,
    },
};
use vorbis::Vorbis;

/// Parser for the packets of a codec that states in each packet how much audio it has.
pub(crate) enum Packets {
    Aac(Aac),
    Alac(Alac),
    Flac(Flac),
    Mpeg(Mpeg),
    Opus,
    Pcm(Pcm),
    Vorbis(Vorbis),
}

impl Packets {
    /// Creates a parser for audio with these parameters. `None`: the packets of the codec do not state a duration, or
    /// the headers are invalid.
    pub(crate) fn of(params: &AudioCodecParameters) -> Option<Self> {
        let rate = params.sample_rate.filter(|rate| *rate > 0)?;
        let headers = params.extra_data.as_deref().unwrap_or_default();
        match params.codec {
            CODEC_ID_AAC => Aac::of(headers, rate).map(Self::Aac),
            CODEC_ID_ALAC => Alac::of(headers, rate).map(Self::Alac),
            CODEC_ID_FLAC => Some(Self::Flac(Flac::of(headers, rate))),
            CODEC_ID_MP1 | CODEC_ID_MP2 | CODEC_ID_MP3 => Some(Self::Mpeg(Mpeg::default())),
            CODEC_ID_OPUS => Some(Self::Opus),
            CODEC_ID_VORBIS => Vorbis::of(headers).map(Self::Vorbis),
            _ => Pcm::of(params, rate).map(Self::Pcm),
        }
    }

    /// Whether each packet has a fixed number of frames, so that the first and last contain encoder delay and padding.
    pub(crate) const fn are_padded(&self) -> bool {
        matches!(self, Self::Mpeg(_) | Self::Opus | Self::Vorbis(_))
    }

    /// Returns the duration of the next packet in seconds. `None`: the packet does not state it.
    pub(crate) fn seconds(&mut self, packet: &[u8]) -> Option<f64> {
        match self {
            Self::Aac(aac) => Some(aac.seconds(packet)),
            Self::Alac(alac) => Some(alac.seconds(packet)),
            Self::Flac(flac) => flac.seconds(packet),
            Self::Mpeg(mpeg) => mpeg.seconds(packet),
            Self::Opus => Some(opus::seconds(packet)),
            Self::Pcm(pcm) => Some(pcm.seconds(packet)),
            Self::Vorbis(vorbis) => vorbis.seconds(packet),
        }
    }
}
