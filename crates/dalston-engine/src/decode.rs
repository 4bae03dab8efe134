//! Audio files, decoded packet by packet: memory does not grow with their length.

use crate::{
    about::About,
    decoder_limits::decoder,
    encoder_padding::Edges,
    probe::{Bounded, claimed, open, voice},
    trim::{Piece, Trim},
};
use serde::{Deserialize, Serialize};
use std::{fs::File, io};
use symphonia::core::{codecs::audio::AudioDecoder, errors::Error, formats::FormatReader};

/// Packets in a row that do not decode: what follows is no audio.
const BROKEN: u32 = 100;

/// Why audio is not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unfit {
    /// It is of no kind that is known here.
    Unknown,
    /// It is of one, and broken.
    Damaged,
    /// Its rate or its channels are not taken.
    Odd,
}

impl Unfit {
    /// What clients read.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Unknown => "The audio is of a kind that the built-in detection cannot decode",
            Self::Damaged => "The audio is damaged",
            Self::Odd => "The audio has a sample rate or a number of channels that is not taken",
        }
    }
}

/// Why there is nothing more to decode.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// It is the audio. The text is for the log.
    Unfit(Unfit, String),
    /// There is more than was asked for.
    TooLong,
    /// It is the file, or whoever wants to know.
    Io(io::Error),
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// An audio file that is being decoded.
pub(crate) struct Decoder {
    format: Box<dyn FormatReader>,
    about: About,
    voice: DecodedTrack,
    trim: Trim,
}

/// The track that is decoded.
struct DecodedTrack {
    track: u32,
    codec: Box<dyn AudioDecoder>,
    /// Its length as its headers tell it, in seconds.
    seconds: Option<f64>,
    edges: Edges,
}

impl DecodedTrack {
    fn of(format: &dyn FormatReader, about: &About) -> Result<Self, Unreadable> {
        let unknown = |why: &str| Unreadable::Unfit(Unfit::Unknown, why.to_owned());
        let track = voice(format, about).ok_or_else(|| unknown("no track"))?;
        let params = track.codec_params.as_ref().and_then(|params| params.audio());
        let params = params.ok_or_else(|| unknown("no codec"))?;
        let codec = decoder(params, about.is_big_endian).map_err(|error| unknown(&error.to_string()))?;
        let edges = Edges::of(format.format_info().short_name, track, params, &about.edits);
        Ok(Self { track: track.id, codec, seconds: claimed(format, track, params), edges })
    }
}

impl Decoder {
    /// Begins with a file that stands at its beginning.
    pub(crate) fn open(file: File) -> Result<Self, Unreadable> {
        let unknown = || Unreadable::Unfit(Unfit::Unknown, "no known container".to_owned());
        let source = Bounded::new(file, u64::MAX)?;
        let about = source.about();
        let format = open(source).ok_or_else(unknown)?;
        let voice = DecodedTrack::of(&*format, &about)?;
        Ok(Self { format, about, trim: Trim::new(voice.edges), voice })
    }

    /// The length of what is decoded, as its headers tell it, in seconds.
    pub(crate) const fn seconds(&self) -> Option<f64> {
        self.voice.seconds
    }

    /// The next piece; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Piece>, Unreadable> {
        loop {
            let piece = self.trim.pop();
            if piece.is_some() || self.trim.is_over() {
                return Ok(piece);
            }
            self.decode()?;
        }
    }

    /// Decodes a packet, or comes to the end.
    fn decode(&mut self) -> Result<(), Unreadable> {
        let mut broken = 0;
        loop {
            let packet = match self.format.next_packet() {
                Ok(Some(packet)) if packet.track_id == self.voice.track => packet,
                Ok(Some(_)) => continue,
                Ok(None) => {
                    self.trim.end(true);
                    return Ok(());
                }
                // A file that was cut off is as long as it is.
                Err(Error::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.trim.end(false);
                    return Ok(());
                }
                Err(Error::IoError(error)) => return Err(error.into()),
                // Another stream begins behind the first.
                Err(Error::ResetRequired) => {
                    self.voice = DecodedTrack::of(&*self.format, &self.about)?;
                    continue;
                }
                Err(error) => return Err(Unreadable::Unfit(Unfit::Damaged, error.to_string())),
            };
            match self.voice.codec.decode(&packet) {
                Ok(audio) if audio.frames() > 0 => {
                    let mut samples = Vec::new();
                    audio.copy_to_vec_interleaved(&mut samples);
                    let (rate, channels) = (audio.spec().rate(), audio.spec().channels().count());
                    self.trim.push(Piece { rate, channels, samples });
                    return Ok(());
                }
                Ok(_) => {}
                Err(Error::DecodeError(_) | Error::IoError(_)) if broken < BROKEN => broken += 1,
                Err(error) => return Err(Unreadable::Unfit(Unfit::Damaged, error.to_string())),
            }
        }
    }
}
