//! What is known of a file before a demuxer has it.

use crate::encoder_padding::Edit;

/// How a file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileEnding {
    Whole,
    /// Before it says that it does.
    CutOff,
    /// With something that may be audio to other programs.
    Followed,
}

/// What is known of a file before a demuxer has it.
pub(crate) struct About {
    /// In bytes, without the tags in front.
    pub(crate) length: u64,
    pub(crate) ending: FileEnding,
    /// Whether the sample rate stays the same.
    pub(crate) is_even: bool,
    /// Whether its samples are big-endian, whatever the demuxer says.
    pub(crate) is_big_endian: bool,
    /// What an MP4 presents of its tracks.
    pub(crate) edits: Vec<Edit>,
    /// The default track of a Matroska file.
    pub(crate) track: Option<u32>,
}
