//! The folders of audio and transcripts within the data folder.

use super::Blob;
use std::{
    io,
    path::{Path, PathBuf},
};
use tokio::fs::{self, File};

/// The folders.
pub(super) struct Folder {
    /// What arrives.
    pub(super) staged: PathBuf,
    /// The data folder.
    data: PathBuf,
}

impl Folder {
    /// Within `data`, made where they are not there.
    pub(super) async fn open(data: &Path) -> io::Result<Self> {
        let staged = data.join("audio").join("incoming");
        for folder in [&staged, &data.join("results")] {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).await?;
        }
        Ok(Self { staged, data: data.to_owned() })
    }

    /// The folder of this name.
    pub(super) fn of(&self, name: &str) -> PathBuf {
        self.data.join(name)
    }

    /// Where a thing is kept.
    pub(super) fn path(&self, blob: &Blob) -> PathBuf {
        self.of(blob.folder()).join(blob.name())
    }

    /// Keeps a file under its name. An upload, a recovery and an attempt may all come to it: whoever is second finds it
    /// done.
    pub(super) async fn rename(&self, from: &Path, blob: &Blob) -> io::Result<()> {
        let to = self.path(blob);
        match fs::rename(from, &to).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound && fs::try_exists(&to).await? => {}
            renamed => renamed?,
        }
        sync(&self.of(blob.folder())).await
    }

    /// Where the audio of a job that is in the store is kept. Its row is written before it is renamed: if that was not
    /// done yet, it is done here.
    pub(super) async fn settled(&self, blob: &Blob) -> io::Result<PathBuf> {
        let path = self.path(blob);
        if !fs::try_exists(&path).await? {
            self.rename(&self.staged.join(blob.name()), blob).await?;
        }
        Ok(path)
    }

    /// Deletes a thing, if it is there.
    pub(super) async fn delete(&self, blob: &Blob) -> io::Result<()> {
        gone(fs::remove_file(self.path(blob)).await)
    }
}

/// A file that is not there is as good as deleted.
pub(super) fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Brings the names of a folder to the disk.
pub(super) async fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder).await?.sync_all().await
}
