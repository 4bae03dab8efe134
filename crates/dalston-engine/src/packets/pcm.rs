//! Packet durations of PCM: all samples have the same number of bits.

use symphonia::core::codecs::audio::{
    AudioCodecId, AudioCodecParameters,
    well_known::{
        CODEC_ID_PCM_ALAW, CODEC_ID_PCM_F32BE, CODEC_ID_PCM_F32LE, CODEC_ID_PCM_F64BE, CODEC_ID_PCM_F64LE,
        CODEC_ID_PCM_MULAW, CODEC_ID_PCM_S8, CODEC_ID_PCM_S16BE, CODEC_ID_PCM_S16LE, CODEC_ID_PCM_S24BE,
        CODEC_ID_PCM_S24LE, CODEC_ID_PCM_S32BE, CODEC_ID_PCM_S32LE, CODEC_ID_PCM_U8, CODEC_ID_PCM_U16BE,
        CODEC_ID_PCM_U16LE, CODEC_ID_PCM_U24BE, CODEC_ID_PCM_U24LE, CODEC_ID_PCM_U32BE, CODEC_ID_PCM_U32LE,
    },
};

/// What a packet's duration depends on.
pub(crate) struct Pcm {
    /// Bytes per frame.
    frame: usize,
    rate: f64,
}

impl Pcm {
    pub(super) fn of(params: &AudioCodecParameters, rate: u32) -> Option<Self> {
        let channels = params.channels.as_ref().map_or(1, |channels| channels.count().max(1));
        let bits = usize::try_from(bits(params.codec)?).ok()?;
        Some(Self { frame: bits / 8 * channels, rate: f64::from(rate) })
    }

    /// Returns the duration of a packet in seconds. A packet has at least one frame: some tables list each sample as
    /// one byte.
    #[expect(clippy::cast_precision_loss, reason = "2^53 bytes are no packet")]
    pub(super) fn seconds(&self, packet: &[u8]) -> f64 {
        (packet.len() / self.frame).max(1) as f64 / self.rate
    }
}

/// Returns the bits per sample that a decoder reads, whatever a header states. `None`: the codec is not PCM.
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
