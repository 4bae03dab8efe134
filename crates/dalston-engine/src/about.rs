//! What is known about a file before a demuxer opens it.

use crate::encoder_padding::Edit;

/// How the end of a file compares to the length that its headers claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileEnding {
    Whole,
    /// The file is shorter than its headers claim.
    CutOff,
    /// Data follows that other programs may read as audio.
    Followed,
}

/// What is known about a file before a demuxer opens it.
pub(crate) struct About {
    /// Length in bytes, without the leading tags.
    pub(crate) length: u64,
    pub(crate) ending: FileEnding,
    /// Whether the sample rate never changes within the file.
    pub(crate) is_even: bool,
    /// Whether the samples are big-endian, whatever the demuxer reports.
    pub(crate) is_big_endian: bool,
    /// The edit lists of an MP4's tracks.
    pub(crate) edits: Vec<Edit>,
    /// Number of the default track of a Matroska file.
    pub(crate) track: Option<u32>,
}
