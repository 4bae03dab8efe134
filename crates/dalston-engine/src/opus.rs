//! Opus decoder (RFC 6716) for the packets of symphonia's demuxers: symphonia has none.

use crate::{CHANNELS, SPEECH_RATE};
use ropus::OpusMSDecoder;
use symphonia::core::{
    audio::{AsGenericAudioBufferRef, Audio, AudioBuffer, AudioMut, AudioSpec, Channels, GenericAudioBufferRef},
    codecs::{
        CodecInfo,
        audio::{AudioCodecParameters, AudioDecoder, FinalizeResult},
    },
    errors::{Error, Result},
    packet::PacketRef,
};

/// Samples of one channel in the longest packet: 120 milliseconds.
const MOST: usize = SPEECH_RATE as usize * 120 / 1_000;
/// Divisor from container time (units of 1/48000 s) to samples at [`SPEECH_RATE`].
const TICKS: u32 = 48_000 / SPEECH_RATE;
/// Bytes of a header without a channel mapping table.
const HEADER: usize = 19;

/// The identification header of a stream (RFC 7845, 5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OpusHead {
    channels: u8,
    /// Pre-skip: samples to skip at the beginning, at 48,000 per second.
    pub(crate) skip: u16,
    streams: u8,
    /// Number of coupled (stereo) streams, which come first.
    coupled: u8,
    /// For each output channel, the index of the decoded channel.
    mapping: Vec<u8>,
}

impl OpusHead {
    /// Parses the header that a container stores. If there is none (as in CAF), returns a header with one stream of
    /// this many channels.
    ///
    /// Returns `None` when the header is invalid, or has more channels than its streams can have.
    pub(crate) fn of(bytes: &[u8], channels: usize) -> Option<Self> {
        let Some(version) = bytes.strip_prefix(b"OpusHead").and_then(|rest| rest.first()) else {
            let channels = u8::try_from(channels).ok().filter(|channels| (1..=2).contains(channels))?;
            return Some(Self { channels, skip: 0, streams: 1, coupled: channels - 1, mapping: vec![0, 1] });
        };
        let (head, table) = bytes.split_at_checked(HEADER)?;
        let skip = [head[10], head[11]];
        // In MP4 the header has version 0 and is big-endian.
        let skip = if *version == 0 { u16::from_be_bytes(skip) } else { u16::from_le_bytes(skip) };
        let channels = head[9];
        let (streams, coupled, mapping) = match (head[18], table) {
            (0, _) => (1, channels.checked_sub(1)?, vec![0, 1]),
            (_, [streams, coupled, mapping @ ..]) => (*streams, *coupled, mapping.to_vec()),
            _ => return None,
        };
        let is_whole = channels > 0 && mapping.len() >= usize::from(channels);
        is_whole.then_some(Self { channels, skip, streams, coupled, mapping })
    }
}

/// Decodes Opus to [`SPEECH_RATE`].
pub(crate) struct Opus {
    params: AudioCodecParameters,
    decoder: OpusMSDecoder,
    /// Samples of one channel that remain to be skipped.
    skip: usize,
    interleaved: Vec<i16>,
    buffer: AudioBuffer<i16>,
}

impl Opus {
    /// Creates a decoder for these parameters.
    pub(crate) fn new(params: &AudioCodecParameters) -> Result<Self> {
        let channels = params.channels.as_ref().map_or(1, Channels::count);
        let header = OpusHead::of(params.extra_data.as_deref().unwrap_or_default(), channels);
        let header = header.ok_or(Error::DecodeError("opus: the header cannot be read"))?;
        // Check the channels of the header: they may differ from those of the container.
        if usize::from(header.channels) > CHANNELS {
            return Err(Error::LimitError("channels"));
        }
        let rate = i32::try_from(SPEECH_RATE).map_err(|_| Error::Unsupported("opus: the rate"))?;
        let [channels, streams, coupled] = [header.channels, header.streams, header.coupled].map(i32::from);
        let decoder = OpusMSDecoder::new(rate, channels, streams, coupled, &header.mapping);
        let decoder = decoder.map_err(|_| Error::DecodeError("opus: the header names no possible channels"))?;
        let channels = usize::from(header.channels);
        let spec = AudioSpec::new(SPEECH_RATE, Channels::Discrete(u16::from(header.channels)));
        Ok(Self {
            params: params.clone(),
            decoder,
            skip: (u32::from(header.skip) / TICKS) as usize,
            interleaved: vec![0; MOST * channels],
            buffer: AudioBuffer::new(spec, MOST),
        })
    }

    /// Decodes a packet into the buffer.
    fn fill(&mut self, packet: &PacketRef<'_>) -> Result<()> {
        // Reject empty packets: the decoder would take them for lost ones and synthesize audio.
        let data = Some(packet.data).filter(|data| !data.is_empty());
        let length = i32::try_from(packet.data.len()).map_err(|_| Error::DecodeError("opus: a long packet"))?;
        let data = data.ok_or(Error::DecodeError("opus: an empty packet"))?;
        let most = i32::try_from(MOST).map_err(|_| Error::DecodeError("opus: a long packet"))?;
        let frames = self.decoder.decode(Some(data), length, &mut self.interleaved, most, false);
        let frames = frames.ok().and_then(|frames| usize::try_from(frames).ok()).filter(|frames| *frames <= MOST);
        let frames = frames.ok_or(Error::DecodeError("opus: a packet that is none"))?;
        self.buffer.render_uninit(Some(frames));
        let channels = self.buffer.num_planes();
        for (channel, plane) in self.buffer.iter_planes_mut().enumerate() {
            let samples = self.interleaved.iter().skip(channel).step_by(channels);
            plane.iter_mut().zip(samples).for_each(|(to, from)| *to = *from);
        }
        let end = usize::try_from(packet.trim_end.get() / u64::from(TICKS)).unwrap_or(frames);
        let skipped = self.skip.min(frames);
        self.skip -= skipped;
        self.buffer.trim(skipped, end.min(frames - skipped));
        Ok(())
    }
}

impl AudioDecoder for Opus {
    fn reset(&mut self) {
        self.decoder.reset();
    }

    fn codec_info(&self) -> &CodecInfo {
        const { &CodecInfo { short_name: "opus", long_name: "Opus", profiles: &[] } }
    }

    fn codec_params(&self) -> &AudioCodecParameters {
        &self.params
    }

    fn decode_ref(&mut self, packet: &PacketRef<'_>) -> Result<GenericAudioBufferRef<'_>> {
        self.buffer.clear();
        self.fill(packet)?;
        Ok(self.buffer.as_generic_audio_buffer_ref())
    }

    fn finalize(&mut self) -> FinalizeResult {
        FinalizeResult::default()
    }

    fn last_decoded(&self) -> GenericAudioBufferRef<'_> {
        self.buffer.as_generic_audio_buffer_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use symphonia::core::{
        codecs::audio::well_known::CODEC_ID_OPUS,
        packet::Packet,
        units::{Duration, Timestamp},
    };

    fn decoder(header: &[u8], channels: u16) -> Result<Opus> {
        let mut params = AudioCodecParameters::new();
        params.for_codec(CODEC_ID_OPUS).with_channels(Channels::Discrete(channels));
        Opus::new(params.with_extra_data(header.into()))
    }

    fn packet(data: &[u8]) -> Packet {
        Packet::new(0, Timestamp::ZERO, Duration::ZERO, data)
    }

    /// Builds a header from version, channels, pre-skip, and mapping family with what follows it.
    fn header(version: u8, channels: u8, skip: [u8; 2], family: &[u8]) -> Vec<u8> {
        [b"OpusHead", &[version, channels][..], &skip, &[0x80, 0xbb, 0, 0, 0, 0], family].concat()
    }

    #[test]
    fn headers_of_every_container_are_read_and_others_are_refused() {
        for (name, header, channels, right) in [
            ("none, one channel", vec![], 1, Some((1, 0))),
            ("none, two channels", vec![], 2, Some((2, 0))),
            ("none, three channels", vec![], 3, None),
            ("none, no channel", vec![], 0, None),
            ("Ogg", header(1, 2, [0x38, 1], &[0]), 9, Some((2, 312))),
            ("MP4", header(0, 2, [1, 0x38], &[0]), 9, Some((2, 312))),
            ("six channels", header(1, 6, [0, 0], &[1, 4, 2, 0, 4, 1, 2, 3, 5]), 9, Some((6, 0))),
            ("three channels without a table", header(1, 3, [0, 0], &[0]), 9, None),
            ("a table that is cut off", header(1, 6, [0, 0], &[1, 4, 2, 0, 4, 1]), 9, None),
            ("no channel", header(1, 0, [0, 0], &[0]), 9, None),
            ("cut off", header(1, 1, [0, 0], &[]), 9, None),
        ] {
            let read = OpusHead::of(&header, channels);
            assert_eq!(read.map(|header| (header.channels, header.skip)), right, "{name}");
        }
        for (name, family) in [
            ("a channel of no stream", &[1, 1, 1, 0, 7][..]),
            ("more streams of two channels than streams", &[1, 1, 2, 0, 1]),
            ("no stream", &[1, 0, 0, 0, 1]),
            ("256 streams", &[1, 255, 1, 0, 1]),
        ] {
            assert!(decoder(&header(1, 2, [0, 0], family), 2).is_err(), "{name}");
        }
        let many = |channels| decoder(&header(1, channels, [0, 0], &[&[255, 1, 0][..], &[0; 255]].concat()), 2);
        assert!(many(64).is_ok() && many(65).is_err());
    }

    #[test]
    fn a_packet_of_every_length_is_decoded_without_what_is_to_be_skipped() {
        // Twenty milliseconds of silence, several frames as the count byte states, and invalid packets.
        for (data, skip, right) in [
            (&[0xf8, 0xff, 0xfe][..], 0, Some(320)),
            (&[0xf8, 0xff, 0xfe], 48, Some(304)),
            (&[0xf8, 0xff, 0xfe], 4_000, Some(0)),
            (&[0xfb, 6, 0, 0, 0, 0, 0, 0], 0, Some(1_920)),
            (&[0xfb, 7, 0, 0, 0, 0, 0, 0], 0, None),
            (&[0xfb], 0, None),
            (&[], 0, None),
        ] {
            let mut decoder = decoder(&header(1, 2, u16::to_le_bytes(skip), &[0]), 2).unwrap();
            let frames = decoder.decode(&packet(data)).ok().map(|audio| audio.frames());
            assert_eq!(frames, right, "{data:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_packet_does_harm(
            family in proptest::collection::vec(0_u8..4, 0..9),
            packets in proptest::collection::vec(proptest::collection::vec(0_u8.., 0..300), 0..9),
        ) {
            let headers = [header(1, 2, [0, 0], &[0]), header(1, 3, [9, 9], &family)];
            for mut decoder in headers.iter().filter_map(|header| decoder(header, 2).ok()) {
                for data in &packets {
                    let most = decoder.decode(&packet(data)).map_or(0, |audio| audio.frames());
                    proptest::prop_assert!(most <= MOST);
                }
            }
        }
    }
}
