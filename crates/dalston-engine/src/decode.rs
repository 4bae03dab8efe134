//! Decodes audio files packet by packet, in constant memory.

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

/// Maximum number of consecutive packets that fail to decode. After more the rest is not audio.
const BROKEN: u32 = 100;

/// Why audio cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unfit {
    /// Its format or codec is not supported.
    Unknown,
    /// The format is supported, but the file is damaged.
    Damaged,
    /// Its sample rate or its number of channels is not supported.
    Odd,
}

impl Unfit {
    /// Returns the error message for clients.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Unknown => "The audio is of a kind that the built-in detection cannot decode",
            Self::Damaged => "The audio is damaged",
            Self::Odd => "The audio has a sample rate or a number of channels that is not taken",
        }
    }
}

/// Why decoding stopped with an error.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// The audio cannot be decoded. The text is for the log.
    Unfit(Unfit, String),
    /// The audio is longer than the allowed maximum.
    TooLong,
    /// The file could not be read, or the output not written.
    Io(io::Error),
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Decoder of an audio file.
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
    /// Duration in seconds as the headers claim it.
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
    /// Opens a file that is positioned at its beginning.
    pub(crate) fn open(file: File) -> Result<Self, Unreadable> {
        let unknown = || Unreadable::Unfit(Unfit::Unknown, "no known container".to_owned());
        let source = Bounded::new(file, u64::MAX)?;
        let about = source.about();
        let format = open(source).ok_or_else(unknown)?;
        let voice = DecodedTrack::of(&*format, &about)?;
        Ok(Self { format, about, trim: Trim::new(voice.edges), voice })
    }

    /// Returns the duration of the decoded track in seconds, as the headers claim it.
    pub(crate) const fn seconds(&self) -> Option<f64> {
        self.voice.seconds
    }

    /// Returns the next piece of audio; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Piece>, Unreadable> {
        loop {
            let piece = self.trim.pop();
            if piece.is_some() || self.trim.is_over() {
                return Ok(piece);
            }
            self.decode()?;
        }
    }

    /// Decodes packets until one yields audio, or until the end of the file.
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
                // A file that was cut off ends where its data ends.
                Err(Error::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.trim.end(false);
                    return Ok(());
                }
                Err(Error::IoError(error)) => return Err(error.into()),
                // A chained stream begins behind the current one.
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
