//! The audio files: staged while they arrive, kept under the id of their job.
//!
//! A staged file is complete on the disk before its job's row is written, and is renamed after it: a row always has
//! its file, in one place or the other, and [`AudioFiles::recover`] finishes what a crash cut off.

use crate::{ServiceError, ServiceResult};
use dalston_model::JobId;
use sha2::{Digest, Sha256};
use std::{
    fs::OpenOptions,
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Mutex,
};
use tokio::{
    fs::{self, File, ReadDir},
    io::{AsyncWriteExt, BufWriter},
    task::spawn_blocking,
};

/// What arrives is written in pieces of this size.
const PIECE: usize = 256 * 1024;
/// What no upload may take of the disk: the database grows there too.
const FLOOR: u64 = 64 * 1024 * 1024;

/// The folder of the audio files.
pub struct AudioFiles {
    pub(crate) staged: PathBuf,
    pub(crate) kept: PathBuf,
    /// How far recovery has come with the kept files.
    pub(crate) walk: Mutex<Option<ReadDir>>,
    max_bytes: u64,
}

impl AudioFiles {
    /// In `data`, which is made when it is not there; a file has at most `max_bytes`.
    pub async fn open(data: &Path, max_bytes: u64) -> io::Result<Self> {
        let kept = data.join("audio");
        let staged = kept.join("incoming");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&staged).await?;
        Ok(Self { staged, kept, walk: Mutex::default(), max_bytes })
    }

    /// The greatest length of a file in bytes.
    pub const fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// Where the audio of a job is kept.
    pub fn path(&self, id: JobId) -> PathBuf {
        self.kept.join(id.to_string())
    }

    /// Refuses what the disk has no room for: so many bytes, and the 64 MiB that stay free.
    pub async fn room(&self, bytes: u64) -> ServiceResult<()> {
        let folder = self.staged.clone();
        let disk = spawn_blocking(move || rustix::fs::statvfs(&folder)).await.map_err(io::Error::other)?;
        let disk = disk.map_err(io::Error::from)?;
        if disk.f_bavail.saturating_mul(disk.f_frsize) < bytes.saturating_add(FLOOR) {
            return Err(ServiceError::StorageFull);
        }
        Ok(())
    }

    /// A new file for what arrives. `digest` asks for its SHA-256.
    pub async fn stage(&self, id: JobId, digest: bool) -> ServiceResult<Staged> {
        let (path, max_bytes) = (self.staged.join(id.to_string()), self.max_bytes);
        // The file comes with what deletes it, also when nobody waits for either any more.
        let made = spawn_blocking(move || Staged::create(id, path, max_bytes, digest)).await;
        Ok(made.map_err(io::Error::other)??)
    }

    /// Keeps a staged file whose job is in the store.
    pub async fn keep(&self, mut staged: Staged) -> io::Result<()> {
        if let Some(path) = staged.path.take() {
            self.rename(&path, staged.id).await?;
        }
        Ok(())
    }

    /// Deletes the audio of a job, if there is any.
    pub async fn delete(&self, id: JobId) -> io::Result<()> {
        gone(fs::remove_file(self.path(id)).await)
    }

    /// An upload and a recovery may both come to it: whoever is second finds it done.
    pub(crate) async fn rename(&self, from: &Path, id: JobId) -> io::Result<()> {
        match fs::rename(from, self.path(id)).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound && fs::try_exists(self.path(id)).await? => {}
            renamed => renamed?,
        }
        sync_folder(&self.kept).await
    }
}

/// A file that is arriving. Dropped before it is kept, it is deleted.
pub struct Staged {
    id: JobId,
    path: Option<PathBuf>,
    file: BufWriter<File>,
    size: u64,
    max_bytes: u64,
    digest: Option<Sha256>,
}

impl Staged {
    fn create(id: JobId, path: PathBuf, max_bytes: u64, digest: bool) -> io::Result<Self> {
        // `create_new` is O_EXCL: neither an existing file nor a link is followed.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let file = BufWriter::with_capacity(PIECE, File::from_std(file));
        Ok(Self { id, path: Some(path), file, size: 0, max_bytes, digest: digest.then(Sha256::new) })
    }

    /// The id of the job that it will belong to.
    pub const fn id(&self) -> JobId {
        self.id
    }

    /// Bytes so far.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds what has arrived.
    pub async fn write(&mut self, bytes: &[u8]) -> ServiceResult<()> {
        self.size = self.size.saturating_add(bytes.len() as u64);
        if self.size > self.max_bytes {
            return Err(ServiceError::TooLarge);
        }
        if let Some(digest) = &mut self.digest {
            digest.update(bytes);
        }
        Ok(self.file.write_all(bytes).await?)
    }

    /// Brings all of it to the disk, its name too.
    pub async fn finish(&mut self) -> ServiceResult<()> {
        self.file.flush().await?;
        self.file.get_ref().sync_all().await?;
        if let Some(folder) = self.path.as_deref().and_then(Path::parent) {
            sync_folder(folder).await?;
        }
        Ok(())
    }

    /// Leaves the file where it is: whether its job is in the store is not known, and recovery will find out.
    pub fn leave(mut self) {
        self.path = None;
    }

    /// Where it is, until it is kept.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Its SHA-256, if that was asked for.
    pub fn digest(&self) -> Option<[u8; 32]> {
        self.digest.clone().map(|digest| digest.finalize().into())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Some(path) = self.path.take()
            && let Err(error) = std::fs::remove_file(&path)
        {
            tracing::warn!(%error, id = %self.id, "a staged file could not be deleted");
        }
    }
}

/// A file that is not there is as good as deleted.
pub(crate) fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

async fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder).await?.sync_all().await
}
