//! The configuration of a stream.

use dalston_model::IdError;
use std::str::FromStr;

/// The configuration that a client requests for a stream.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct StreamConfig {
    /// A language, or `auto`.
    pub language: String,
    /// A model.
    pub model: String,
    /// The encoding of the samples.
    pub encoding: Encoding,
    /// Samples per second.
    pub sample_rate: u32,
}

impl StreamConfig {
    /// Returns the duration of `bytes` bytes of audio in milliseconds, rounded up.
    pub const fn millis(&self, bytes: u64) -> u64 {
        let bytes_per_second = self.sample_rate as u64 * self.encoding.width() as u64;
        bytes.saturating_mul(1_000).div_ceil(bytes_per_second)
    }
}

/// The encoding of samples. There is one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// 16 bits, signed, little endian.
    PcmS16Le,
    /// 32 bits, floating point, little endian.
    PcmF32Le,
    /// G.711 µ-law.
    MuLaw,
    /// G.711 A-law.
    ALaw,
}

impl Encoding {
    /// All encodings.
    pub const ALL: [Self; 4] = [Self::PcmS16Le, Self::PcmF32Le, Self::MuLaw, Self::ALaw];

    /// Returns the name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PcmS16Le => "pcm_s16le",
            Self::PcmF32Le => "pcm_f32le",
            Self::MuLaw => "mulaw",
            Self::ALaw => "alaw",
        }
    }

    /// Returns the size of a sample in bytes.
    pub const fn width(self) -> usize {
        match self {
            Self::PcmS16Le => 2,
            Self::PcmF32Le => 4,
            Self::MuLaw | Self::ALaw => 1,
        }
    }
}

impl FromStr for Encoding {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::ALL.into_iter().find(|encoding| encoding.as_str() == text).ok_or(IdError)
    }
}

impl serde::Serialize for Encoding {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_milliseconds_by_encoding_and_rate() {
        let of = |encoding, sample_rate| StreamConfig {
            language: "auto".to_owned(),
            model: "fast".to_owned(),
            encoding,
            sample_rate,
        };
        assert_eq!(of(Encoding::PcmS16Le, 16_000).millis(32_000), 1_000);
        assert_eq!(of(Encoding::PcmF32Le, 48_000).millis(192_000), 1_000);
        assert_eq!(of(Encoding::MuLaw, 8_000).millis(8_001), 1_001, "rounded up");
        assert_eq!(of(Encoding::ALaw, 8_000).millis(0), 0);
    }
}
