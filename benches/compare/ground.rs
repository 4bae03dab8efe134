//! What all peers stand on.

use crate::{cores::Cores, sample::Sample};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// What all peers stand on.
pub(crate) struct Ground {
    /// Who runs where.
    pub(crate) cores: Cores,
    /// The folder of our own programs.
    pub(crate) programs: PathBuf,
    /// The folder of the others' languages.
    pub(crate) tools: PathBuf,
    /// The answer.
    pub(crate) sample: Sample,
    /// A file that holds it.
    pub(crate) kept: NamedTempFile,
}

impl Ground {
    /// The file of the answer.
    pub(crate) fn kept(&self) -> &Path {
        self.kept.path()
    }
}
