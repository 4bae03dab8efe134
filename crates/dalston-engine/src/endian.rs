//! Big-endian PCM in QuickTime files that the demuxer takes for little-endian, which would decode to noise.

use symphonia::core::codecs::audio::{
    AudioCodecId,
    well_known::{
        CODEC_ID_PCM_F32BE, CODEC_ID_PCM_F32LE, CODEC_ID_PCM_F64BE, CODEC_ID_PCM_F64LE, CODEC_ID_PCM_S24BE,
        CODEC_ID_PCM_S24LE, CODEC_ID_PCM_S32BE, CODEC_ID_PCM_S32LE,
    },
};

/// Whether samples of this format are big-endian, from their sample description: yes unless an `enda` atom in it states
/// little-endian.
pub(crate) fn is_big_endian(sample: [u8; 4], description: &[u8]) -> bool {
    let is_little = || description.windows(6).any(|bytes| bytes == b"enda\0\x01");
    matches!(&sample, b"in24" | b"in32" | b"fl32" | b"fl64") && !is_little()
}

/// Returns the big-endian codec that corresponds to a little-endian one.
pub(crate) const fn big_endian(codec: AudioCodecId) -> AudioCodecId {
    match codec {
        CODEC_ID_PCM_S24LE => CODEC_ID_PCM_S24BE,
        CODEC_ID_PCM_S32LE => CODEC_ID_PCM_S32BE,
        CODEC_ID_PCM_F32LE => CODEC_ID_PCM_F32BE,
        CODEC_ID_PCM_F64LE => CODEC_ID_PCM_F64BE,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_big_endian_unless_an_atom_says_otherwise() {
        for sample in [b"in24", b"in32", b"fl32", b"fl64"] {
            assert!(is_big_endian(*sample, b"") && is_big_endian(*sample, b"\0\0\0\x0aenda\0\0"));
            assert!(!is_big_endian(*sample, b"\0\0\0\x0aenda\0\x01"));
        }
        assert!(!is_big_endian(*b"sowt", b"") && !is_big_endian(*b"lpcm", b"\0\0\0\x0aenda\0\0"));
    }
}
