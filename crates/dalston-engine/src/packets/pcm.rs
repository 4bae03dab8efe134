//! Packets of samples that have as many bits each.

use symphonia::core::codecs::audio::{
    AudioCodecId, AudioCodecParameters,
    well_known::{
        CODEC_ID_PCM_ALAW, CODEC_ID_PCM_F32BE, CODEC_ID_PCM_F32LE, CODEC_ID_PCM_F64BE, CODEC_ID_PCM_F64LE,
        CODEC_ID_PCM_MULAW, CODEC_ID_PCM_S8, CODEC_ID_PCM_S16BE, CODEC_ID_PCM_S16LE, CODEC_ID_PCM_S24BE,
        CODEC_ID_PCM_S24LE, CODEC_ID_PCM_S32BE, CODEC_ID_PCM_S32LE, CODEC_ID_PCM_U8, CODEC_ID_PCM_U16BE,
        CODEC_ID_PCM_U16LE, CODEC_ID_PCM_U24BE, CODEC_ID_PCM_U24LE, CODEC_ID_PCM_U32BE, CODEC_ID_PCM_U32LE,
    },
};

/// What a packet's bytes are divided by.
pub(crate) struct Pcm {
    /// Bytes of a frame.
    frame: usize,
    rate: f64,
}

impl Pcm {
    pub(super) fn of(params: &AudioCodecParameters, rate: u32) -> Option<Self> {
        let channels = params.channels.as_ref().map_or(1, |channels| channels.count().max(1));
        let bits = usize::try_from(bits(params.codec)?).ok()?;
        Some(Self { frame: bits / 8 * channels, rate: f64::from(rate) })
    }

    /// The seconds of a packet, which has one frame at the least: some tables have a sample of one byte for each.
    #[expect(clippy::cast_precision_loss, reason = "2^53 bytes are no packet")]
    pub(super) fn seconds(&self, packet: &[u8]) -> f64 {
        (packet.len() / self.frame).max(1) as f64 / self.rate
    }
}

/// Bits of a sample, by which a decoder reads it whatever a header says of them. `None`: it is no such codec.
pub(crate) const fn bits(codec: AudioCodecId) -> Option<u32> {
    match codec {
        CODEC_ID_PCM_ALAW | CODEC_ID_PCM_MULAW | CODEC_ID_PCM_S8 | CODEC_ID_PCM_U8 => Some(8),
        CODEC_ID_PCM_S16BE | CODEC_ID_PCM_S16LE | CODEC_ID_PCM_U16BE | CODEC_ID_PCM_U16LE => Some(16),
        CODEC_ID_PCM_S24BE | CODEC_ID_PCM_S24LE | CODEC_ID_PCM_U24BE | CODEC_ID_PCM_U24LE => Some(24),
        CODEC_ID_PCM_S32BE | CODEC_ID_PCM_S32LE | CODEC_ID_PCM_U32BE | CODEC_ID_PCM_U32LE | CODEC_ID_PCM_F32BE
        | CODEC_ID_PCM_F32LE => Some(32),
        CODEC_ID_PCM_F64BE | CODEC_ID_PCM_F64LE => Some(64),
        _ => None,
    }
}
