//! Creates decoders, and rejects excessive header values before a decoder allocates memory for them.

use crate::{CHANNELS, endian::big_endian, opus::Opus, packets::aac_core, vorbis};
use symphonia::core::{
    audio::Channels,
    codecs::audio::{
        AudioCodecParameters, AudioDecoder, AudioDecoderOptions,
        well_known::{
            CODEC_ID_AAC, CODEC_ID_ALAC, CODEC_ID_MP3, CODEC_ID_OPUS, CODEC_ID_PCM_ALAW, CODEC_ID_PCM_MULAW,
            CODEC_ID_VORBIS,
        },
    },
    errors::{Error, Result},
};

/// Maximum frames of a packet: FLAC has the longest, of 65,535.
const FRAMES: u64 = 65_536;
/// Maximum samples of a packet, of all its channels together.
const SAMPLES: u64 = 1 << 20;

/// Creates a decoder for audio with these parameters. Returns an error if they exceed what real files have.
/// `is_big_endian`: the samples are big-endian, whatever the demuxer reports.
pub(crate) fn decoder(params: &AudioCodecParameters, is_big_endian: bool) -> Result<Box<dyn AudioDecoder>> {
    let channels = params.channels.as_ref().map_or(1, Channels::count);
    let frames = params.max_frames_per_packet.unwrap_or_default().max(params.frames_per_block.unwrap_or_default());
    if channels > CHANNELS {
        return Err(Error::LimitError("channels"));
    }
    if frames > FRAMES || frames * channels as u64 > SAMPLES {
        return Err(Error::LimitError("frames of a packet"));
    }
    if params.codec == CODEC_ID_VORBIS && params.extra_data.as_deref().is_some_and(vorbis::is_excessive) {
        return Err(Error::LimitError("code books"));
    }
    if params.codec == CODEC_ID_ALAC && params.extra_data.as_deref().is_some_and(is_long) {
        return Err(Error::LimitError("frames of a packet"));
    }
    if params.codec == CODEC_ID_OPUS {
        return Ok(Box::new(Opus::new(params)?));
    }
    let core = params.extra_data.as_deref().filter(|_| params.codec == CODEC_ID_AAC).and_then(aac_core);
    let mut params = params.clone();
    if let Some(core) = core {
        params.with_extra_data(core.into());
    }
    if is_big_endian {
        params.codec = big_endian(params.codec);
    }
    // The demuxer may report the width of the coded sample, which the decoder would take for that of the decoded one.
    if matches!(params.codec, CODEC_ID_PCM_ALAW | CODEC_ID_PCM_MULAW) {
        (params.bits_per_sample, params.bits_per_coded_sample) = (None, None);
    }
    // Do not trim by the MP3 header: a file joined from two has the header of the first, which states less than the
    // whole.
    let options = AudioDecoderOptions::default().gapless(params.codec != CODEC_ID_MP3);
    symphonia::default::get_codecs().make_audio_decoder(&params, &options)
}

/// Whether the magic cookie of an ALAC stream states longer packets. The number is at its beginning, or behind the
/// atoms that older files wrap it in.
fn is_long(cookie: &[u8]) -> bool {
    let frames = |at| cookie.get(at..)?.first_chunk().map(|bytes| u64::from(u32::from_be_bytes(*bytes)));
    [0, 24].into_iter().filter_map(frames).any(|frames| frames > FRAMES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use symphonia::core::codecs::audio::well_known::CODEC_ID_PCM_S16LE;

    #[test]
    fn each_bound_is_met_and_not_crossed() {
        for (channels, frames, taken) in [
            (1, 65_536, true),
            (1, 65_537, false),
            (16, 65_536, true),
            (17, 65_536, false),
            (64, 16_384, true),
            (64, 16_385, false),
            (65, 1, false),
            (2, u64::MAX, false),
        ] {
            let mut params = AudioCodecParameters::new();
            params.for_codec(CODEC_ID_PCM_S16LE).with_sample_rate(8_000);
            params.with_channels(Channels::Discrete(channels)).with_max_frames_per_packet(frames);
            let made = decoder(&params, false);
            assert_eq!(made.is_ok(), taken, "{channels} channels, {frames} frames: {:?}", made.err());
        }
    }
}
