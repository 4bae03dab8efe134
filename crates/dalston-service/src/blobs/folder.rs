//! The folders of audio and transcripts within the data folder.

use super::Blob;
use std::{
    io,
    path::{Path, PathBuf},
};
use tokio::fs::{self, File};

/// The paths of the folders.
pub(super) struct Folder {
    /// The folder of arriving uploads.
    pub(super) staged: PathBuf,
    /// The data folder.
    data: PathBuf,
}

impl Folder {
    /// Opens the folders within `data`, and creates them if they do not exist.
    pub(super) async fn open(data: &Path) -> io::Result<Self> {
        let staged = data.join("audio").join("incoming");
        for folder in [&staged, &data.join("results")] {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).await?;
        }
        Ok(Self { staged, data: data.to_owned() })
    }

    /// Returns the path of the folder `name`.
    pub(super) fn of(&self, name: &str) -> PathBuf {
        self.data.join(name)
    }

    /// Returns the path of a blob.
    pub(super) fn path(&self, blob: &Blob) -> PathBuf {
        self.of(blob.folder()).join(blob.name())
    }

    /// Moves a file to the path of its blob.
    ///
    /// An upload, recovery and an attempt may all do this for one file: if the file has been moved already, this
    /// succeeds.
    pub(super) async fn rename(&self, from: &Path, blob: &Blob) -> io::Result<()> {
        let to = self.path(blob);
        match fs::rename(from, &to).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound && fs::try_exists(&to).await? => {}
            renamed => renamed?,
        }
        sync(&self.of(blob.folder())).await
    }

    /// Returns the path of a stored job's audio.
    ///
    /// The upload inserts the job's row before it moves the file. If the file has not been moved yet, it is moved here.
    pub(super) async fn settled(&self, blob: &Blob) -> io::Result<PathBuf> {
        let path = self.path(blob);
        if !fs::try_exists(&path).await? {
            self.rename(&self.staged.join(blob.name()), blob).await?;
        }
        Ok(path)
    }

    /// Deletes a blob, if it exists.
    pub(super) async fn delete(&self, blob: &Blob) -> io::Result<()> {
        gone(fs::remove_file(self.path(blob)).await)
    }
}

/// Maps "not found" of a deletion to success.
pub(super) fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Flushes a folder's entries to disk (fsync).
pub(super) async fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder).await?.sync_all().await
}
